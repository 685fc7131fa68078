#pragma once
#include <zlib.h>

/// `inflateInit2` is a macro. `windowBits`: 15 + 16 is gzip only, -15 is deflate without a header.
static inline int shim_inflate_init(z_streamp stream, int windowBits) { return inflateInit2(stream, windowBits); }
