"""Two audits of one plan: is the candidate worse than the baseline, on the same items?"""
