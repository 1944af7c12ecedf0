"""Factuality: is what a model says true?"""
