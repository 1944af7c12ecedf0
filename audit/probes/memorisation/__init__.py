"""Memorisation: does a model tell what it was trained on?"""
