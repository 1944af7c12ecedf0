"""Transparency: what drove an answer?"""
