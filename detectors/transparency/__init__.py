"""Transparency: what drove an answer, and can the one who says so be believed?"""
