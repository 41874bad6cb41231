"""Answers that many users got alike are asked for again before they are believed.

    answers     the answers of each workload, as columns
    suspicion   answers → suspicions: many users got the same answer (pure)
    settling    suspicions and second answers → believed, replaced or doubtful (pure)
    stored      the files that step 2 leaves in the run folder for this
    applied     observations → observations as they may be judged
    wording     the outcomes in words: tenant facts

Step 2 asks again (`auditor.asking`). Judging reads only the run folder, and so comes to the same result each time.
"""
