#pragma once
#include <zlib.h>

/// `inflateInit2` is a macro. `windowBits` 15 + 16: gzip only.
static inline int shim_inflate_init_gzip(z_streamp stream) { return inflateInit2(stream, 15 + 16); }
