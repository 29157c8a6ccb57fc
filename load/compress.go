package load

import (
	"fmt"

	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/klauspost/compress/zstd"
)

// pageWindow is how far back a page's compression looks. Pages are about half
// of it; the usual window of this level keeps 8 MB for each encoder.
const pageWindow = 512 << 10

// pageCodec is the Parquet library's zstd with a window that fits pages.
type pageCodec struct {
	compress.ErrorCodec
	encoder *zstd.Encoder
}

// The library finds codecs in a map that is read without a lock, so this is
// the only time to put one there.
func init() {
	codec, err := newPageCodec()
	if err != nil {
		panic(err) // its options are constants
	}
	compress.RegisterCodec(compress.Codecs.Zstd, codec)
}

func newPageCodec() (*pageCodec, error) {
	standard, err := compress.GetCodec(compress.Codecs.Zstd)
	if err != nil {
		return nil, err
	}
	decoder, ok := standard.(compress.ErrorCodec)
	if !ok {
		return nil, fmt.Errorf("zstd codec %T reports no errors", standard)
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(pageWindow),
		zstd.WithEncoderConcurrency(2), zstd.WithZeroFrames(true), zstd.WithAllLitEntropyCompression(true))
	return &pageCodec{decoder, encoder}, err
}

// EncodeLevel compresses a page at the one level that files are written with.
func (c *pageCodec) EncodeLevel(dst, src []byte, _ int) []byte {
	return c.encoder.EncodeAll(src, dst[:0])
}
