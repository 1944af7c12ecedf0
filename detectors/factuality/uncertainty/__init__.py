"""How uncertain is each answer, by every score that an observation allows, and do scores know right from wrong?"""
