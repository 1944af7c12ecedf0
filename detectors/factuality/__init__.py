"""Factuality: is what a model says true, and can it be told?"""
