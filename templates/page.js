"use strict";
// Draws the findings from the page's data, and adds filters, keys and themes. Without scripting the page is open text.
(() => {
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const chosen = {};
  const kept = {
    // Storage may be refused to a file opened from a mail; then the choice lasts as long as the page.
    get: (name) => {
      if (name in chosen) return chosen[name];
      try { return localStorage.getItem(`photo-auditor-${name}`) || ""; } catch { return ""; }
    },
    set: (name, value) => {
      chosen[name] = value;
      try { localStorage.setItem(`photo-auditor-${name}`, value); } catch { /* see above */ }
    },
  };
  const dress = (theme) => { if (theme) root.dataset.theme = theme; else delete root.dataset.theme; };
  dress(kept.get("theme"));

  // -- small tools ------------------------------------------------------------------------------------------------

  const json = (name) => JSON.parse(byId(`data-${name}`).textContent);
  let words = {};
  const say = (name, values = {}) => words[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

  // Everything that came from a service goes through text nodes and attributes, never through HTML.
  const make = (tag, options = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(options)) {
      if (value !== undefined && value !== null && value !== false) made.setAttribute(name, value);
    }
    made.append(...children.filter((child) => child || child === 0));
    return made;
  };
  const symbol = (name, cls) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", cls);
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", name);
    svg.append(use);
    return svg;
  };
  const icon = (name) => symbol(`#i-${name}`, "icon");
  const prose = (text) => text.split("\n").flatMap((line, at) => [
    ...(at ? [make("br")] : []),
    ...line.split("`").map((piece, odd) => (odd % 2 ? make("code", {}, piece) : piece)),
  ]);

  const copied = async (text, button) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = make("textarea", { "aria-hidden": "true", class: "unseen" }, text);
      button.after(area);
      area.select();
      document.execCommand("copy"); // the only way left where the clipboard is refused to a file
      area.remove();
    }
    announce(words.copied);
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1500);
  };
  const announce = (text) => { byId("said").textContent = text; };

  // -- loading ----------------------------------------------------------------------------------------------------

  // The data lies in elements of the page, or in scripts beside it: on file: nothing else may be loaded.
  const folder = root.dataset.parts;
  const waiting = new Map();
  const parts = new Map();
  const PARTS_KEPT = 40;
  window.photoAuditor = (name, value) => {
    const asked = waiting.get(name) || [];
    waiting.delete(name);
    for (const { take } of asked) take(value);
  };
  const fetched = (name) => new Promise((take, fail) => {
    if (waiting.has(name)) { waiting.get(name).push({ take, fail }); return; }
    waiting.set(name, [{ take, fail }]);
    const script = make("script", { src: `${folder}${name}.js` });
    const lost = () => { for (const one of waiting.get(name) || []) one.fail(new Error(name)); waiting.delete(name); };
    script.addEventListener("load", () => { script.remove(); lost(); });
    script.addEventListener("error", () => { script.remove(); lost(); });
    document.head.append(script);
  });
  // Asked for before the browser has read this page to its end: the index, and the part whose rows are seen first.
  const index = folder && fetched("index").catch(() => null);
  if (folder) fetched("part-1").then((value) => parts.set(1, value), () => null);

  // -- numbers and dates, as the reader's browser writes them -----------------------------------------------------

  // The first of these takes a browser as long as to draw the page: meanwhile the data is on its way.
  const numeral = new Intl.NumberFormat();
  const number = (value) => numeral.format(value);
  const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
  const moment = new Intl.DateTimeFormat(undefined, {
    year: "numeric", month: "long", day: "numeric", hour: "numeric", minute: "2-digit", timeZoneName: "short",
  });
  const written = (format, iso) => format.format(new Date(iso));

  // -- data -------------------------------------------------------------------------------------------------------

  // Plain loops here and below: an iterator and a call for each of a million cells is time that a reader waits.
  // A character of the area for private use is a small number; a full stop, which is less, is none.
  const characters = (text, made, first, none) => {
    for (let at = 0; at < made.length; at += 1) made[at] = Math.max(none, text.charCodeAt(at) - first);
    return made;
  };
  const columns = (raw) => {
    const { users } = raw;
    const split = (text) => (users ? text.split("\n") : []);
    const copies = raw.copies.map(({ verdict, cause, distance, reason }) => ({
      // These count from 1, and 0 is none.
      verdict: characters(verdict, new Uint8Array(users), 0x60, 0),
      cause: characters(cause, new Uint16Array(users), 0xdfff, 0),
      reason: characters(reason, new Uint16Array(users), 0xdfff, 0),
      distance: characters(distance, new Int16Array(users), 0xe000, -1),
    }));
    return {
      copies, names: split(raw.name), upns: split(raw.upn), ids: split(raw.id),
      kind: characters(raw.kind, new Uint8Array(users), 0x30, 0),
      department: new Uint32Array(raw.department), domain: new Uint32Array(raw.domain),
    };
  };
  // Users are numbered with those first who drift, and the others after them, so that no number changes when these arrive.
  const begun = (raw) => ({
    ...raw, ...columns(raw), drifting: raw.users, whole: false, reasons: [], texts: [[raw.name, raw.upn]],
    verdicts: [["", "", 0], ...raw.verdicts], causes: [["", "", 0], ...raw.causes],
  });
  const both = (one, other) => {
    const made = new one.constructor(one.length + other.length);
    made.set(one);
    made.set(other, one.length);
    return made;
  };
  const join = (all, raw) => {
    const others = columns(raw);
    all.copies.forEach((own, at) => { for (const name of Object.keys(own)) own[name] = both(own[name], others.copies[at][name]); });
    for (const name of ["domain", "kind", "department"]) all[name] = both(all[name], others[name]);
    for (const name of ["upns", "names", "ids"]) all[name] = all[name].concat(others[name]);
    all.reasons = raw.reasons;
    all.texts.push([raw.name, raw.upn]);
    all.users += raw.users;
    // Each user's place among all by name, and who has that place.
    all.place = new Uint32Array(all.users);
    all.placed = new Uint32Array(all.users);
    const next = [all.drifting, 0];
    for (let place = 0; place < all.users; place += 1) {
      const user = next[raw.shown.charCodeAt(place) - 0x30]++;
      all.place[user] = place;
      all.placed[place] = user;
    }
    all.whole = true;
  };
  // In lower case and without accents, a text with a line a user: thousands of small calls would be felt.
  const lines = (text) => {
    const ends = [];
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) ends.push(at);
    return { text, ends: [...ends, text.length] };
  };
  const COLUMNS = [0, 1];
  const searchable = (all, part, column) => {
    const own = all.texts[part];
    if (typeof own[column] === "string") own[column] = lines(plain(own[column]));
    return own[column];
  };
  // Marks the lines that hold a word.
  const mark = ({ text, ends }, word, marks) => {
    let line = 0;
    for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, ends[line] + 1)) {
      while (ends[line] < at) line += 1;
      marks[line] = 1;
    }
  };

  // -- the query --------------------------------------------------------------------------------------------------

  const FIELDS = ["w", "v", "c", "t", "d", "dept"];
  const TERM = /(!?)(?:(w|v|c|t|d|dept):)?(?:"([^"]*)"|(\S+))/g;
  const parsed = (query) => [...query.matchAll(TERM)].map(([, not, field, quoted, bare]) => ({
    not: not === "!", field: field || "", value: plain(quoted ?? bare ?? ""),
  }));
  const spelled = (terms) => terms.map(({ not, field, value }) =>
    `${not ? "!" : ""}${field ? `${field}:` : ""}${/[\s"]/.test(value) || value === "" ? `"${value.replace(/"/g, "")}"` : value}`).join(" ");

  // Whether a value names one thing exactly, else everything that holds it: v:match is not v:mismatch.
  const names = (value, things) => {
    const exact = things.map((thing) => thing.some((name) => name === value));
    return exact.includes(true) ? exact : things.map((thing) => value !== "" && thing.some((name) => name.includes(value)));
  };
  const allowed = (terms, things, standard = () => 1) => {
    const wanted = terms.filter((term) => !term.not).map((term) => names(term.value, things));
    const unwanted = terms.filter((term) => term.not).map((term) => names(term.value, things));
    return Uint8Array.from(things, (thing, at) =>
      (wanted.length ? wanted.some((one) => one[at]) : standard(at)) && !unwanted.some((one) => one[at]) ? 1 : 0);
  };

  const start = () => {
    words = json("words");
    for (const time of document.querySelectorAll("time[datetime]")) time.textContent = written(moment, time.dateTime);
    for (const data of document.querySelectorAll("data[value]")) data.textContent = number(Number(data.value));
    const theme = byId("theme");
    theme.value = kept.get("theme");
    const wear = (choice) => { theme.value = choice; dress(choice); kept.set("theme", choice); };
    theme.addEventListener("change", () => wear(theme.value));
    theme.closest("[hidden]").hidden = false;
    const themes = () => wear({ "": "light", light: "dark", dark: "" }[theme.value]);

    const list = byId("list");
    const keys = { t: themes };
    if (!list) { listen(keys); return; }
    (index || Promise.resolve(json("index"))).then((raw) => {
      if (raw) { findings(begun(raw), list, keys); return; }
      // The page was parted from its data: show what it holds itself.
      const text = document.querySelector("noscript.text");
      const open = make("div");
      open.innerHTML = text.textContent; // our own page, escaped when it was drawn
      text.after(make("p", { class: "empty", role: "alert" }, say("no_data", { folder })), open);
    });
    listen(keys);
  };

  const listen = (keys) => addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    // Who speaks to the browser, or types by accident, may do without keys of one character (WCAG 2.1.4).
    if (event.key.length === 1 && kept.get("keys") === "off") return;
    const typing = event.target.closest?.("input, select, textarea");
    if (typing && event.key !== "Escape") return;
    const act = keys[event.key];
    if (act && act(event) !== false) event.preventDefault();
  });

  // -- findings ---------------------------------------------------------------------------------------------------

  const findings = (all, list, keys) => {
    const rows = list.querySelector("ol");
    const query = byId("q");
    const sort = byId("sort");
    const shown = byId("shown");
    const nothing = byId("nothing");
    const view = byId("user");
    view.setAttribute("aria-labelledby", "user-name");
    const form = document.querySelector(".filters");
    const places = all.workloads.map((_, at) => at);
    const reference = all.workloads.findIndex(([name]) => name === all.reference);
    let hits = new Uint32Array(0);
    let listed = null; // which verdicts the query names; without any those that are drift
    let open = -1;

    const kinds = (mask) => [mask & 1 ? "guest" : "member", ...(mask & 2 ? ["disabled"] : []), ...(mask & 4 ? ["synced"] : [])];
    const masks = Array.from({ length: 8 }, (_, mask) => kinds(mask));
    const things = {
      w: all.workloads.map((pair) => pair.map(plain)),
      v: all.verdicts.map(([slug, name, , accepted]) => [slug, plain(name), ...(accepted ? ["accepted"] : [])]),
      c: all.causes.map(([slug, name]) => [plain(slug) || "-", plain(name)]),
      t: masks,
      d: all.domains.map((one) => [plain(one) || "-"]),
      dept: all.departments.map((one) => [plain(one) || "-"]),
    };
    // A verdict that is accepted stands a second time, after all others: which one it is at first, and where accepted ones count.
    const once = all.verdicts.map(([slug]) => all.verdicts.findIndex(([first]) => first === slug));
    const settled = all.verdicts.findIndex(([, , , accepted]) => accepted);
    // A cause may have no name, and 0 stands for no cause at all.
    things.c[0] = [];
    things.v[0] = [];

    // A part of the data, at once where it is here, else undefined and on its way.
    const partOf = (user) => 1 + Math.floor(user / all.part);
    const part = (at) => {
      if (!parts.has(at) && !folder) parts.set(at, json(`part-${at}`));
      const here = parts.get(at);
      if (here) { parts.delete(at); parts.set(at, here); } // the one that was used last is dropped last
      return here;
    };
    let printing = false; // until then nothing is dropped: what is printed may lie in hundreds of parts
    const drop = () => { for (const old of parts.keys()) { if (parts.size <= PARTS_KEPT) break; parts.delete(old); } };
    const ask = async (at) => {
      if (part(at)) return part(at);
      const value = await fetched(`part-${at}`);
      parts.set(at, value);
      if (!printing) drop();
      return value;
    };
    // The pictures of the open text stand there alone: a picture is kept once.
    let textual = null;
    const ofText = (name) => {
      if (!textual) {
        textual = new Map();
        const text = document.querySelector("noscript.text").textContent;
        for (const [, id, uri] of text.matchAll(/<symbol id="(p-\w+)"[^>]*><image href="([^"]+)"/g)) textual.set(id, uri);
      }
      return textual.get(name);
    };
    const uri = (name, at) => {
      if (!at) return ofText(name);
      const found = part(at)?.pictures[name];
      return found && `data:image/webp;base64,${found[2]}`;
    };
    // Of a user without drift the index tells all that the page knows.
    const bare = (user) => ({
      copies: all.copies.map(({ verdict, reason }, at) => {
        const [name, word] = all.verdicts[verdict[user]];
        const [kind, empty] = all.bare[name] || ["unasked", ""];
        const remark = all.reasons[reason[user] - 1] || "";
        return { kind, empty, remark, alt: `${all.workloads[at][1]}: ${word || empty}.` };
      }),
    });
    const whole = async (user) => {
      if (user >= all.drifting) return bare(user);
      const own = await ask(partOf(user));
      const found = own.users[user % all.part];
      await Promise.all(found.copies.filter((copy) => copy.at).map((copy) => ask(copy.at)));
      return found;
    };
    const ready = (user) => {
      if (user >= all.drifting) return bare(user);
      const found = part(partOf(user))?.users[user % all.part];
      return found?.copies.every((copy) => !copy.at || part(copy.at)) ? found : undefined;
    };
    const source = (copy, user) => copy.picture && uri(copy.picture, copy.at ?? partOf(user));

    // -- filter and sort ------------------------------------------------------------------------------------------

    const width = places.length;
    const search = (text) => {
      const terms = parsed(text);
      const of = (field) => terms.filter((term) => term.field === field);
      // A verdict that is named, or v:any, reaches those without drift too.
      const wide = of("v").some(({ not }) => !not);
      const any_ = of("v").some(({ not, value }) => !not && value === "any");
      const allow = {
        w: allowed(of("w"), things.w),
        v: allowed(of("v").filter(({ not, value }) => not || !any_ && value !== "any"), things.v, (at) => any_ || all.verdicts[at][2]),
        c: allowed(of("c"), things.c), t: allowed(of("t"), things.t), d: allowed(of("d"), things.d),
        dept: allowed(of("dept"), things.dept),
      };
      const copyTerms = terms.some(({ field }) => "wvc".includes(field || "-"));
      const free = of("").filter(({ value }) => value);
      const count = Object.fromEntries(FIELDS.map((field) => [field, new Uint32Array(things[field].length)]));
      const stamp = { v: new Uint32Array(all.verdicts.length), c: new Uint32Array(all.causes.length) };
      const verdictOf = all.copies.map(({ verdict }) => verdict);
      const causeOf = all.copies.map(({ cause }) => cause);
      const found = new Uint32Array(all.users);
      let number_ = 0;
      // A user counts once, however many of the copies have that verdict or cause.
      const note = (stamps, counts, thing, user) => {
        if (stamps[thing] === user + 1) return;
        stamps[thing] = user + 1;
        counts[thing] += 1;
      };
      const worded = (others, from, to) => {
        const left = new Uint8Array(to - from).fill(1);
        for (const { value, not } of free) {
          const marks = new Uint8Array(to - from);
          for (const column of COLUMNS) mark(searchable(all, others, column), value, marks);
          const departments = things.dept.map(([name]) => name !== "-" && name.includes(value));
          const kinds_ = masks.map((mask) => mask.includes(value));
          const causes = things.c.map((one) => one.some((name) => name.includes(value)));
          const caused = causes.includes(true);
          for (let user = from; user < to; user += 1) {
            let hit = marks[user - from] || departments[all.department[user]] || kinds_[all.kind[user]];
            for (let place = 0; caused && !hit && place < width; place += 1) hit = causes[causeOf[place][user]];
            if (Boolean(hit) === not) left[user - from] = 0;
          }
        }
        return left;
      };
      // Among those with drift (0), or among all others (1), of whom a query that is not wide finds none and counts verdicts.
      const scan = (others) => {
        const [from, to] = others ? [all.drifting, all.users] : [0, all.drifting];
        const left = worded(others, from, to);
        const within = wide || !others;
        for (let user = from; user < to; user += 1) {
          if (!left[user - from]) continue;
          const kind = all.kind[user], domain = all.domain[user], department = all.department[user];
          const fails = 3 - allow.t[kind] - allow.d[domain] - allow.dept[department];
          if (fails > 1) continue;
          let any = within && !copyTerms;
          for (let place = 0; place < width; place += 1) {
            const verdict = verdictOf[place][user];
            if (!verdict) continue;
            const cause = causeOf[place][user];
            const w = allow.w[place], v = allow.v[verdict], c = allow.c[cause];
            if (within && w && v && c) any = true;
            if (fails) continue;
            if (within && v && c) count.w[place] += 1;
            if (w && c) {
              note(stamp.v, count.v, once[verdict], user);
              if (all.verdicts[verdict][3]) note(stamp.v, count.v, settled, user);
            }
            if (within && w && v && cause) note(stamp.c, count.c, cause, user);
          }
          if (!any) continue;
          if (!fails || !allow.t[kind]) count.t[kind] += 1;
          if (!fails || !allow.d[domain]) count.d[domain] += 1;
          if (!fails || !allow.dept[department]) count.dept[department] += 1;
          if (!fails) found[number_++] = user;
        }
        return found.subarray(0, number_);
      };
      return { wide, scan, count, told: wide ? allow.v : null };
    };

    const gravest = (user) => places.reduce((least, place) => Math.min(least, all.copies[place].verdict[user] || 99), 99);
    const farthest = (user) => places.reduce((most, place) => Math.max(most, all.copies[place].distance[user]), -1);
    const rank = (texts) => {
      const order = texts.map((_, at) => at).sort((a, b) => texts[a].localeCompare(texts[b]));
      const ranks = new Uint32Array(texts.length);
      order.forEach((at, place) => { ranks[at] = place; });
      return ranks;
    };
    const orders = {
      name: null,
      verdict: () => gravest,
      distance: () => (user) => -farthest(user),
      department: () => { const ranks = rank(all.departments); return (user) => ranks[all.department[user]]; },
      domain: () => { const ranks = rank(all.domains); return (user) => ranks[all.domain[user]]; },
    };
    // Each of the two kinds of users stands in the order of names: only a mixture has to be sorted.
    const named = (found) => found.length && found.at(-1) >= all.drifting
      ? found.map((user) => all.place[user]).sort().map((place) => all.placed[place]) : found.slice();
    const sorted = (found, how) => {
      const made = named(found);
      if (how === "-name") return made.reverse();
      if (!orders[how]) return made;
      const key = orders[how]();
      const values = new Float64Array(all.users);
      for (const user of made) values[user] = key(user);
      return made.sort((a, b) => values[a] - values[b]); // a sort keeps what is equal in its order
    };

    // The selects say what the query says: there is one truth, and it stands in the address.
    const labels = {
      w: (at) => all.workloads[at][1], v: (at) => at === settled ? words.accepted_v : all.verdicts[at][1], c: (at) => all.causes[at][1],
      t: (at) => at, d: (at) => all.domains[at] || words.none, dept: (at) => all.departments[at] || words.none,
    };
    const slug = {
      w: (at) => all.workloads[at][0], v: (at) => at === settled ? "accepted" : all.verdicts[at][0], c: (at) => all.causes[at][0] || "-",
      d: (at) => all.domains[at] || "-", dept: (at) => all.departments[at] || "-",
    };
    const OPTIONS = 200;
    const offered = new Map();
    const offer = (count) => {
      const terms = parsed(query.value);
      for (const field of FIELDS) {
        const select = byId(`f-${field}`);
        let choices;
        if (field === "t") {
          choices = ["member", "guest", "disabled", "synced"].map((name) => ({
            value: name, label: words[`kind_${name}`],
            number: masks.reduce((sum, mask, at) => sum + (mask.includes(name) ? count.t[at] : 0), 0),
          }));
        } else {
          choices = Array.from(count[field], (found, at) => ({ value: plain(slug[field](at)), label: labels[field](at), number: found, at }))
            .filter(({ at }) => (field !== "c" || at) && (field !== "v" || at && (once[at] === at || at === settled)));
          if (field !== "v" && field !== "w") choices.sort((a, b) => b.number - a.number);
        }
        const own = terms.filter((term) => term.field === field && !term.not);
        const chosen = own.length === 1 ? own[0].value : "";
        const options = choices.filter(({ number: found, value }) => found || value === chosen).slice(0, OPTIONS)
          .map(({ value, label, number: found }) => [`${label} (${number(found)})`, value]);
        if (field === "v") options.push([words.any, "any"]);
        const told = JSON.stringify(options);
        if (offered.get(field) !== told) { // a list that somebody may have open is left alone
          offered.set(field, told);
          select.replaceChildren(new Option(words[`every_${field}`], ""), ...options.map((option) => new Option(...option)));
        }
        select.value = options.some(([, value]) => value === chosen) ? chosen : "";
      }
    };

    // -- rows -----------------------------------------------------------------------------------------------------

    const address = (changes = {}) => {
      const now = { q: query.value, sort: sort.value === "name" ? "" : sort.value, user: "", ...changes };
      const told = new URLSearchParams(Object.entries(now).filter(([, value]) => value));
      return `#${told.toString() || "findings"}`;
    };
    const chip = (verdict, text) => make("span", { class: `chip v-${verdict}` }, icon(verdict), text);
    const dated = (copy) => copy.moment && say(copy.own ? "picture_of" : "read_on", { date: written(day, copy.moment) });
    const frame = (copy, user) => {
      const from = copy && source(copy, user);
      const made = make("div", { class: `frame k-${copy ? copy.kind : "waiting"}` });
      if (from) made.append(make("img", { src: from, alt: copy.alt, decoding: "async" }));
      else if (copy) made.append(symbol(`#s-${copy.kind}`, "void"), make("span", {}, copy.empty || ""));
      return made;
    };
    const slot = (user, place, copy) => {
      const verdict = all.copies[place].verdict[user];
      const [name, word, drifts] = all.verdicts[verdict];
      const far = all.copies[place].distance[user];
      const notes = make("ul", { class: "notes" }, ...[
        copy?.remark, copy?.size, far >= 0 && say("distance", { distance: number(far) }), copy && dated(copy),
      ].filter(Boolean).map((text) => make("li", {}, text)));
      return make("li", { class: `slot v-${name}${drifts ? " drifts" : ""}` },
        frame(copy, user),
        make("div", { class: "told" }, make("p", { class: "place" }, all.workloads[place][1]), verdict ? make("p", {}, chip(name, word)) : null, notes));
    };
    const who = (user) => [
      make("p", { class: "who" }, make("span", {}, make("bdi", {}, all.upns[user])),
        all.departments[all.department[user]] && make("span", {}, make("bdi", {}, all.departments[all.department[user]])),
        masks[all.kind[user]].length > 1 || all.kind[user] & 1 ? make("span", {}, masks[all.kind[user]].filter((kind) => kind !== "member").map((kind) => words[`kind_${kind}`]).join(", ")) : null),
    ];
    const accepted = (one) => one.accepted ? make("p", { class: "accepted" }, icon("match"), make("span", {}, say("accepted", { why: one.accepted }))) : null;
    // What holds for every such cause stands once in a part; a finding adds what is this user's own.
    const whys = (user, one) => one.why.map(([at, confidence = "", evidence = "", ...commands]) =>
      ({ ...part(partOf(user)).causes[at], confidence, evidence, commands }));
    const reasons = (user, found) => {
      if (found) {
        return (found.findings || []).map((one) => {
          const [first] = whys(user, one);
          return make("li", { class: `v-${one.verdict}` }, icon(one.verdict),
            make("div", {}, make("p", {}, make("b", {}, `${first.name}. `), one.sentence), accepted(one),
              first.evidence ? make("p", { class: "quiet evidence" }, ...prose(first.evidence)) : null,
              first.mends.length ? make("p", { class: "remedy" }, icon("wrench"), make("span", {}, ...prose(first.mends[0].words))) : null));
        });
      }
      return places.filter((place) => all.verdicts[all.copies[place].verdict[user]][2]).map((place) =>
        make("li", { class: `v-${all.verdicts[all.copies[place].verdict[user]][0]}` }, icon(all.verdicts[all.copies[place].verdict[user]][0]),
          make("div", {}, make("p", {}, make("b", {}, `${all.causes[all.copies[place].cause[user]][1]}.`)))));
    };
    const row = (at) => {
      const user = hits[at];
      const found = ready(user);
      const made = make("li", { class: "finding", "aria-setsize": hits.length, "aria-posinset": at + 1, "data-at": at },
        make("div", { class: "person" }, make("h3", {}, make("a", { href: address({ user: all.ids[user] }) }, make("bdi", {}, all.names[user]))), ...who(user)),
        make("ul", { class: "slots" }, ...places.map((place) => slot(user, place, found?.copies[place]))),
        make("ul", { class: "findings" }, ...reasons(user, found)));
      if (!found) made.dataset.waits = "";
      return made;
    };

    // Only what is in sight is drawn.
    const drawn = new Map();
    let height = 0;
    const place = (made, at) => { made.style.top = `${at * height}px`; };
    const draw = () => {
      if (list.classList.contains("all")) return;
      const first = Math.max(0, Math.floor(list.scrollTop / height) - 3);
      const last = Math.min(hits.length, Math.ceil((list.scrollTop + list.clientHeight) / height) + 3);
      for (const [at, made] of drawn) {
        // A row that holds the focus stays, or the reader's place would be lost.
        if ((at < first || at >= last) && !made.contains(document.activeElement)) { made.remove(); drawn.delete(at); }
      }
      for (let at = first; at < last; at += 1) {
        if (drawn.has(at)) continue;
        const made = row(at);
        place(made, at);
        drawn.set(at, made);
        const after = [...drawn.keys()].filter((other) => other > at).sort((a, b) => a - b)[0];
        rows.insertBefore(made, after === undefined ? null : drawn.get(after));
        if ("waits" in made.dataset) fill(at, made, hits[at]);
      }
    };
    const fill = (at, made, user) => whole(user).then(() => {
      if (drawn.get(at) !== made) return;
      const focused = made.contains(document.activeElement);
      const full = row(at);
      place(full, at);
      made.replaceWith(full);
      drawn.set(at, full);
      if (focused) full.querySelector("a").focus({ preventScroll: true });
    }, () => { made.classList.add("lost"); });
    const measure = () => {
      const style = getComputedStyle(list);
      height = parseFloat(style.getPropertyValue("--row"));
      rows.style.height = `${hits.length * height}px`;
      rows.style.setProperty("--places", places.length);
    };
    const redraw = () => { rows.replaceChildren(); drawn.clear(); measure(); draw(); };
    let asked = 0;
    list.addEventListener("scroll", () => { asked ||= requestAnimationFrame(() => { asked = 0; draw(); }); }, { passive: true });
    // What is unrolled to be printed stays: rows have another height on paper.
    addEventListener("resize", () => { if (list.classList.contains("all")) return; const before = height; measure(); if (before !== height) redraw(); else draw(); });

    const FEW = 500;
    // When the browser has nothing else to do, and at the latest after so many milliseconds.
    const idle = (act, most) => (window.requestIdleCallback ? requestIdleCallback(act, { timeout: most }) : setTimeout(act, 50));
    let turn = 0;
    const apply = ({ top = true } = {}) => {
      const own = ++turn;
      const query_ = search(query.value);
      let found = query_.scan(0);
      if (query_.wide && all.whole) found = query_.scan(1);
      hits = sorted(found, sort.value);
      listed = query_.told;
      nothing.hidden = hits.length > 0;
      list.hidden = hits.length === 0;
      shown.textContent = hits.length === all.all
        ? say("all_users", { all: number(all.all) }) : say("some_users", { shown: number(hits.length), all: number(all.all) });
      if (top) list.scrollTop = 0;
      redraw();
      const rest = all.whole && !query_.wide; // whose verdicts have yet to be counted; of many, once the rows are seen
      const soon = rest && all.users - all.drifting <= FEW;
      if (soon) query_.scan(1);
      offer(query_.count);
      if (rest && !soon) idle(() => { if (own === turn) { query_.scan(1); offer(query_.count); } }, 500);
      if (query_.wide && !all.whole) everyone();
    };
    // The users without drift. What is shown changes only where the query is after them.
    let arriving = null;
    const everyone = () => arriving ||= (folder ? fetched("others") : Promise.resolve(json("others"))).then((raw) => {
      join(all, raw);
      list.dataset.whole = "";
      if (listed) { apply({ top: false }); return; }
      const query_ = search(query.value);
      query_.scan(0);
      query_.scan(1);
      offer(query_.count);
    }, () => { // the page was parted from a part of its data
      all.whole = true;
      all.texts.push(["", ""]);
      announce(say("no_data", { folder }));
    });
    // What the first word typed is looked for in: a column at a time, as each takes a while.
    const ahead = (left = all.texts.flatMap((_, part) => COLUMNS.map((column) => [part, column]))) => {
      if (left.length) idle(() => { searchable(all, ...left.shift()); ahead(left); }, 3000);
    };
    const changed = () => { history.replaceState(null, "", address()); apply(); };

    // -- one user -------------------------------------------------------------------------------------------------

    const stacked = (copy, base, user) => {
      const [from, under] = [source(copy, user), source(base, user)];
      if (!from || !under) return null;
      return make("div", { class: "stack", role: "img", "aria-label": say("difference_alt", { alt: copy.alt }) },
        make("img", { src: under, alt: "" }), make("img", { src: from, alt: "" }));
    };
    const fact = ([name, text, raw]) => make("div", {}, make("dt", {}, name),
      make("dd", {}, typeof raw === "number" ? say("bytes", { number: number(raw) }) : raw ? written(moment, raw) : text));
    const copier = (text, word) => {
      const button = make("button", { type: "button", class: "copy" }, word);
      button.addEventListener("click", () => copied(text, button));
      return button;
    };
    const term = (name, text) => make("div", {}, make("dt", {}, name), make("dd", {}, ...prose(text)));
    const mended = (why) => [
      why.settle ? make("p", { class: "quiet settle" }, make("b", {}, `${words.settles}: `), ...prose(why.settle)) : null,
      ...why.mends.flatMap((mend, at) => [
        make("p", { class: "remedy" }, icon("wrench"), make("span", {}, ...prose(mend.words))),
        make("p", { class: "buttons" }, copier(mend.words.replace(/`/g, ""), words.copy_fix),
          why.commands[at] ? copier(why.commands[at], words.copy_command) : null,
          mend.link.startsWith("https://") ? make("a", { href: mend.link, rel: "noreferrer noopener", target: "_blank" }, words.link) : null),
        why.commands[at] ? make("pre", { class: "command" }, make("code", {}, why.commands[at])) : null,
        mend.said.length ? make("dl", { class: "mend" }, ...mend.said.map(([name, text]) => term(name, text)),
          mend.wait ? term(words.wait, mend.wait) : null) : null,
      ]),
    ];
    const portrait = (user, found) => {
      const copies = found.copies;
      const base = copies[reference];
      const figures = copies.map((copy, at) => {
        const verdict = all.copies[at].verdict[user];
        const [name, word, drifts] = all.verdicts[verdict];
        const far = all.copies[at].distance[user];
        const over = at !== reference && base && stacked(copy, base, user);
        const large = frame(copy, user);
        large.classList.add("large");
        return make("li", { class: `slot v-${name}${drifts ? " drifts" : ""}` },
          make("h3", {}, all.workloads[at][1]), large, over,
          verdict ? make("p", {}, chip(name, word)) : null,
          make("ul", { class: "notes" }, ...[copy.remark, copy.size, far >= 0 && say("distance", { distance: number(far) }), dated(copy)]
            .filter(Boolean).map((text) => make("li", {}, text))));
      });
      const causes = (found.findings || []).map((one) => {
        const [first, ...others] = whys(user, one);
        return make("li", { class: `v-${one.verdict}` }, icon(one.verdict),
          make("div", {}, make("p", {}, make("b", {}, `${first.name}. `), one.sentence), accepted(one),
            first.evidence ? make("p", { class: "quiet" }, ...prose(first.evidence)) : null, ...mended(first),
            ...others.map((why) => make("details", { class: "other" },
              make("summary", {}, say("or", { cause: why.name, confidence: why.confidence }), " ", ...prose(why.evidence)), ...mended(why)))));
      });
      const facts = copies.map((copy, at) => copy.facts?.length
        ? make("div", {}, make("h4", {}, all.workloads[at][1]), make("dl", {}, ...copy.facts.map(fact))) : null);
      const at = hits.indexOf(user);
      const switches = [
        ["previous", words.previous, () => step(-1), at <= 0], ["next", words.next, () => step(1), at < 0 || at >= hits.length - 1],
        ["difference", words.difference, toggle, !figures.some((one) => one.querySelector(".stack"))],
        ["link", words.copy_link, (event) => copied(linked(user), event.currentTarget), false],
        ["close", words.close, () => view.close(), false],
      ].map(([id, text, act, off]) => {
        const button = make("button", { type: "button", "data-do": id, disabled: off ? "" : undefined, "aria-pressed": id === "difference" ? "false" : undefined }, text);
        button.addEventListener("click", act);
        return button;
      });
      view.replaceChildren(
        make("header", {}, make("div", {}, make("h2", { id: "user-name", tabindex: "-1" }, make("bdi", {}, all.names[user])), ...who(user)),
          make("p", { class: "buttons" }, ...switches)),
        make("ul", { class: "slots" }, ...figures),
        make("section", { "aria-label": words.causes }, make("h3", {}, words.causes), causes.length ? make("ol", { class: "findings" }, ...causes) : make("p", { class: "quiet" }, words.no_drift)),
        make("section", { "aria-label": words.everything_read }, make("h3", {}, words.everything_read),
          facts.some(Boolean) ? make("div", { class: "details" }, ...facts) : make("p", { class: "quiet" }, words.in_step)));
    };
    const linked = (user) => `${location.href.split("#")[0]}#${new URLSearchParams({ user: all.ids[user] })}`;
    const toggle = () => {
      const button = view.querySelector('[data-do="difference"]');
      if (button.disabled) return;
      const on = view.classList.toggle("differ");
      button.setAttribute("aria-pressed", String(on));
    };
    const reveal = (user, focus) => {
      const at = hits.indexOf(user);
      if (at < 0) return;
      const top = at * height;
      if (top < list.scrollTop || top + height > list.scrollTop + list.clientHeight) list.scrollTop = Math.max(0, top - (list.clientHeight - height) / 2);
      draw();
      if (focus) drawn.get(at)?.querySelector("a").focus({ preventScroll: true });
    };
    const show = async (user) => {
      open = user;
      const found = await whole(user).catch(() => null);
      if (!found || open !== user) return;
      const differs = view.classList.contains("differ");
      portrait(user, found);
      view.classList.remove("differ");
      if (differs) toggle();
      if (!view.open) view.showModal();
      view.scrollTop = 0;
      byId("user-name").focus();
    };
    const step = (by) => {
      const at = hits.indexOf(open) + by;
      if (at < 0 || at >= hits.length) return;
      history.replaceState(null, "", address({ user: all.ids[hits[at]] }));
      show(hits[at]);
    };
    view.addEventListener("close", () => {
      const user = open;
      open = -1;
      if (user < 0) return;
      history.replaceState(null, "", address());
      reveal(user, true);
    });
    view.addEventListener("click", (event) => { if (event.target === view) view.close(); });

    // -- the address ----------------------------------------------------------------------------------------------

    const recall = () => {
      const hash = location.hash.slice(1);
      const told = new URLSearchParams(hash);
      const card = /^u-[\w-]+$/.test(hash);
      const user = card ? all.ids.findIndex((id) => `u-${id.replace(/[^A-Za-z0-9]/g, "-")}` === hash)
        : told.has("user") ? all.ids.indexOf(told.get("user")) : -1;
      if (user < 0 && !all.whole && (card || told.has("user"))) { // perhaps one of the others
        everyone().then(recall);
        return false;
      }
      if (!hash.includes("=") && user < 0) { // a place on the page
        if (view.open) { open = -1; view.close(); }
        if (hash === "findings") byId("findings").scrollIntoView();
        return false;
      }
      const kept = (told.get("q") ?? query.value) === query.value && (told.get("sort") ?? sort.value) === sort.value;
      if (kept && list.dataset.ready !== undefined && hits.includes(user)) { show(user); return true; }
      query.value = told.get("q") ?? "";
      sort.value = told.get("sort") || "name";
      if (sort.selectedIndex < 0) sort.value = "name";
      apply();
      if (user >= 0 && !hits.includes(user)) {
        query.value = user >= all.drifting ? "v:any" : "";
        apply();
        history.replaceState(null, "", address({ user: all.ids[user] }));
        announce(say("relaxed", { name: all.names[user] }));
      }
      if (user >= 0) { reveal(user); show(user); } else {
        if (view.open) { open = -1; view.close(); }
        byId("findings").scrollIntoView();
      }
      return true;
    };

    // -- what leaves the page -------------------------------------------------------------------------------------

    const cell = (text) => {
      const made = String(text);
      // A spreadsheet takes a cell that begins so for a formula; some take the full-width forms too.
      const guarded = /^\s*[=+\-@＝＋－＠]|^[\t\r\n]/.test(made) ? `'${made}` : made;
      return /[",\n\r]/.test(guarded) ? `"${guarded.replace(/"/g, '""')}"` : guarded;
    };
    const table = () => {
      const lines = [["user_id", "upn", "workload", "verdict", "cause", "distance", "display_name", "department"]];
      for (const user of hits) {
        for (const at of places) {
          const { verdict, cause, distance } = all.copies[at];
          if (!(listed ? listed[verdict[user]] : all.verdicts[verdict[user]][2])) continue;
          lines.push([all.ids[user], all.upns[user], all.workloads[at][0], all.verdicts[verdict[user]][0], all.causes[cause[user]][0],
            distance[user] >= 0 ? distance[user] : "", all.names[user], all.departments[all.department[user]]]);
        }
      }
      return `${lines.map((line) => line.map(cell).join(",")).join("\n")}\n`;
    };
    const exported = () => {
      const link = make("a", { href: URL.createObjectURL(new Blob([table()], { type: "text/csv" })), download: "drift-selection.csv" });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
      announce(say("exported", { number: number(hits.length) }));
    };
    const PRINTED = 500;
    const unroll = () => {
      if (view.open || list.classList.contains("all")) return; // an open user is printed alone
      list.classList.add("all");
      const printed = Math.min(PRINTED, hits.length);
      rows.replaceChildren(...Array.from({ length: printed }, (_, at) => row(at)));
      // The browser's own command does not wait for what has yet to be loaded.
      const bare_ = rows.querySelectorAll("[data-waits]").length;
      byId("unprinted").hidden = hits.length <= PRINTED && !bare_;
      byId("unprinted").textContent = [
        hits.length > PRINTED && say("unprinted", { shown: number(PRINTED), all: number(hits.length) }),
        bare_ && say("unloaded", { bare: number(bare_), print: byId("print").textContent }),
      ].filter(Boolean).join(" ");
      byId("printed-query").textContent = query.value ? say("printed_query", { query: query.value }) : "";
    };
    addEventListener("beforeprint", unroll);
    addEventListener("afterprint", () => {
      if (!list.classList.contains("all")) return;
      list.classList.remove("all");
      byId("unprinted").hidden = true;
      byId("printed-query").textContent = "";
      redraw();
    });
    const print_ = async () => {
      announce(words.preparing);
      printing = true;
      await Promise.all([...hits.subarray(0, PRINTED)].map((user) => whole(user).catch(() => null)));
      window.print();
      printing = false;
      drop();
    };

    // -- controls and keys ----------------------------------------------------------------------------------------

    query.addEventListener("input", changed);
    sort.addEventListener("change", changed);
    for (const field of FIELDS) {
      byId(`f-${field}`).addEventListener("change", ({ target }) => {
        const terms = parsed(query.value).filter((term) => term.field !== field || term.not);
        if (target.value) terms.push({ not: false, field, value: target.value });
        query.value = spelled(terms);
        changed();
      });
    }
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(() => { query.value = ""; sort.value = "name"; changed(); }));
    byId("csv").addEventListener("click", exported);
    byId("print").addEventListener("click", print_);
    const help = byId("help");
    const helping = () => { if (!help.open) help.showModal(); };
    byId("keys").addEventListener("click", helping);
    const letters = byId("letters");
    letters.checked = kept.get("keys") !== "off";
    letters.addEventListener("change", () => kept.set("keys", letters.checked ? "" : "off"));
    help.addEventListener("click", (event) => { if (event.target === help || event.target.closest("button")) help.close(); });
    addEventListener("hashchange", recall);
    for (const link of document.querySelectorAll("[data-q]")) {
      link.setAttribute("href", `#${new URLSearchParams({ q: link.dataset.q })}`);
    }

    const current = () => {
      const at = document.activeElement?.closest?.(".finding")?.dataset.at;
      return at === undefined ? -1 : Number(at);
    };
    const go = (at) => {
      if (help.open || !hits.length) return false;
      const to = Math.max(0, Math.min(hits.length - 1, at));
      if (view.open) return false;
      reveal(hits[to], true);
      return true;
    };
    const move = (by) => () => (view.open ? void step(by) : go(current() < 0 ? 0 : current() + by));
    const arrow = (by) => () => (view.open || current() < 0 && document.activeElement !== list ? false : go(current() < 0 ? 0 : current() + by));
    Object.assign(keys, {
      "/": () => { if (view.open || help.open) return false; query.focus(); query.select(); return true; },
      "?": helping,
      j: move(1), k: move(-1), ArrowDown: arrow(1), ArrowUp: arrow(-1),
      ArrowRight: () => (view.open ? void step(1) : false), ArrowLeft: () => (view.open ? void step(-1) : false),
      Home: () => (current() >= 0 ? go(0) : false), End: () => (current() >= 0 ? go(hits.length - 1) : false),
      d: () => (view.open ? void toggle() : false),
      l: () => (view.open ? void view.querySelector('[data-do="link"]').click() : false),
      e: () => (view.open || help.open ? false : void exported()),
      p: () => (view.open || help.open ? false : void print_()),
      x: () => (view.open || help.open ? false : void form.reset()),
      Escape: (event) => {
        if (event.target !== query) return false;
        query.value = "";
        changed();
        query.blur();
        return true;
      },
    });

    form.hidden = false;
    list.hidden = false;
    byId("keys").hidden = false;
    if (!recall()) apply();
    list.dataset.ready = "";
    // Once the first rows are seen: the others, and what the first word typed is looked for in.
    idle(() => everyone().then(() => ahead()), 3000);
  };

  if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
  else start();
})();
