"use strict";
// Adds filter, search and themes. Everything on the page can be read without it.
(() => {
  const root = document.documentElement;
  const kept = {
    // Storage may be refused to a file opened from a mail; then the choice lasts as long as the page.
    get: () => { try { return localStorage.getItem("photo-auditor-theme") || ""; } catch { return ""; } },
    set: (theme) => { try { localStorage.setItem("photo-auditor-theme", theme); } catch { /* see above */ } },
  };
  const dress = (theme) => { if (theme) root.dataset.theme = theme; else delete root.dataset.theme; };
  dress(kept.get());

  const start = () => {
    const theme = document.getElementById("theme");
    theme.value = kept.get();
    theme.addEventListener("change", () => { dress(theme.value); kept.set(theme.value); });
    theme.closest("[hidden]").hidden = false;

    const form = document.querySelector(".filters");
    if (!form) return;
    const field = Object.fromEntries(["q", "w", "v", "c"].map((id) => [id, document.getElementById(id)]));
    const shown = document.getElementById("shown");
    const nothing = document.getElementById("nothing");
    const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
    const cards = [...document.querySelectorAll(".card")].map((card) => ({
      item: card.closest("li"),
      copies: card.dataset.f.split(" ").map((copy) => copy.split(":")),
      text: "",
      words() { return (this.text ||= plain(card.textContent)); },
    }));

    const fits = (card, want, words) =>
      card.copies.some(([w, v, c]) =>
        (!want.w || want.w === w) && (!want.v || want.v === v) && (!want.c || want.c === (c || "-"))) &&
      words.every((word) => card.words().includes(word));

    const filter = () => {
      const want = Object.fromEntries(Object.entries(field).map(([id, { value }]) => [id, value]));
      const words = plain(want.q).split(/\s+/).filter(Boolean);
      let number = 0;
      for (const card of cards) {
        const hit = fits(card, want, words);
        card.item.hidden = !hit;
        number += hit;
      }
      nothing.hidden = number > 0;
      shown.textContent = number === cards.length
        ? `${number.toLocaleString()} users`
        : `${number.toLocaleString()} of ${cards.length.toLocaleString()} users`;
    };

    // The filter lives in the address: a link to it can be mailed. A link to a card holds no filter, so that
    // a linked finding is never hidden.
    const state = () => {
      const now = new URLSearchParams();
      for (const [id, { value }] of Object.entries(field)) if (value) now.set(id, value);
      return now.toString();
    };
    const recall = () => {
      const hash = location.hash.slice(1);
      const told = hash.includes("=") ? new URLSearchParams(hash) : null;
      if (!told && !hash.startsWith("u-")) return filter();
      for (const id of Object.keys(field)) field[id].value = told?.get(id) ?? "";
      for (const id of ["w", "v", "c"]) if (field[id].selectedIndex < 0) field[id].value = "";
      filter();
      if (told) document.getElementById("findings").scrollIntoView();
      else document.getElementById(hash)?.scrollIntoView();
    };
    const change = () => {
      const now = state();
      history.replaceState(null, "", now ? `#${now}` : "#findings");
      filter();
    };

    form.addEventListener("input", change);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(change));
    addEventListener("hashchange", recall);
    for (const link of document.querySelectorAll("a[data-w], a[data-v], a[data-c]")) {
      const { w = "", v = "", c = "" } = link.dataset;
      link.href = `#${new URLSearchParams(Object.entries({ w, v, c }).filter(([, value]) => value))}`;
    }
    addEventListener("keydown", (event) => {
      const typing = event.target.closest?.("input, select, textarea");
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        field.q.focus();
        field.q.select();
      } else if (event.key === "Escape" && event.target === field.q) {
        field.q.value = "";
        change();
        field.q.blur();
      }
    });
    form.hidden = false;
    recall();
  };
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
  else start();
})();
