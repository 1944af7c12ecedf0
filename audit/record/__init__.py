"""The record: what an audit leaves behind."""
