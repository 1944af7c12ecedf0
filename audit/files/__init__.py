"""Bytes that can be trusted: canonical JSON, digests, reads that cannot hang, writes that a kill cannot halve."""

from audit.files.disk import (
    MAX_JSON,
    arrow_table,
    canonical,
    digest_file,
    in_language,
    keys_once,
    open_regular,
    parquet_bytes,
    parse_json,
    put_in_place,
    read_frame,
    read_regular,
    read_table,
    remove,
    replacing,
    require_regular,
    sha256,
    stored_json,
    sync_folder,
    tidy,
    worker,
    write_aside,
    write_atomic,
    write_inside,
    write_out,
    write_parquet,
)
from audit.files.images_opened import decoding
from audit.files.lines import add_line, append_line, locked, read_lines, whole_lines
from audit.files.listeners import listen, unheard, written
from audit.files.parquet import contents_of, frame_of, read_batches

__all__ = [
    "MAX_JSON", "add_line", "append_line", "arrow_table", "canonical", "contents_of", "decoding", "digest_file",
    "frame_of", "in_language", "keys_once", "listen", "locked", "open_regular", "parquet_bytes", "parse_json",
    "put_in_place", "read_batches", "read_frame", "read_lines", "read_regular", "read_table", "remove", "replacing",
    "require_regular", "sha256", "stored_json", "sync_folder", "tidy", "unheard", "whole_lines", "worker",
    "write_aside", "write_atomic", "write_inside", "write_out", "write_parquet", "written",
]
