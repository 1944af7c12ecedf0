"""Data: files, images, frames and what functions of ours make, as items under stable ids, in bounded memory."""
