"""Quality: are draws like the data, and more than copies of them?"""
