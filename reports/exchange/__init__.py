"""One file for each format in which other tools read an audit: plain data by published schemas, nothing anew."""
