"""Finding passages: by their words, by vectors where a model gives some, or by both."""

from audit.retrieval.full_text import FullText, has_full_text
from audit.retrieval.inverted import InvertedIndex
from audit.retrieval.retriever import Engine, Retriever
from audit.retrieval.words import terms

__all__ = ["Engine", "FullText", "InvertedIndex", "Retriever", "has_full_text", "terms"]
