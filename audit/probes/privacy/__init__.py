"""Probes of privacy: do texts of a model hold data of persons?"""
