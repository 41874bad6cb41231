"""What everybody is answered alike is judged once more before it is believed.

    answers     what each workload answered everybody, as columns
    suspicion   answers → what is suspect: many users answered alike (pure)
    settling    what is suspect, and what was heard when it was asked again → believed, replaced or doubtful (pure)
    stored      what step 2 leaves in the run folder for it
    applied     observations → observations as they may be judged
    wording     the same in words: tenant facts

Asking again is step 2 (`auditor.asking`). Judging reads the run folder only, and comes to the same end each time.
"""
