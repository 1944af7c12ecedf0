"""Adapters: one file for each family of models; importing one is light, opening a model imports torch.

    FAMILY.py                    its options, and `open()`: light; what plans name (`use: gan`)
    opened/, text/, remote/      the opened model, which answers: of images, series and rows; of text; behind an address
"""
