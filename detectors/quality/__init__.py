"""Quality: are draws like the data, do they cover them, and are they more than copies of what was learnt?"""
