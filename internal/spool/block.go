package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/klauspost/compress/s2"
)

// A file is a sequence of blocks: two lengths, then one message of an Arrow IPC
// stream, compressed as a whole. Arrow's own compression works buffer by
// buffer, which costs more than the rest of the work together where a unit has
// few rows and many columns; S2 takes a third of the CPU time of zstd's or
// LZ4's fastest level for the round trip.
//
// The first block is the schema; the others are record batches.
const blockHeader = 8

// appendBlock appends a message as a block.
func appendBlock(dst, message []byte) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, blockHeader+s2.MaxEncodedLen(len(message)))...)
	packed := s2.Encode(dst[at+blockHeader:], message)
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(packed)))
	binary.LittleEndian.PutUint32(dst[at+4:], uint32(len(message)))
	return dst[:at+blockHeader+len(packed)]
}

// errShort is a block that ends after the file does.
var errShort = errors.New("the block is longer than the file")

// blockReader reads blocks from a part of a file.
type blockReader struct {
	in   io.Reader
	left int64
}

// packedBlocks holds buffers for compressed blocks. A merge has many readers,
// and only one at a time decompresses.
var packedBlocks = sync.Pool{New: func() any { return new([]byte) }}

// next returns the next message, or io.EOF. The message is not used again by
// the reader.
func (r *blockReader) next() ([]byte, error) {
	if r.left == 0 {
		return nil, io.EOF
	}
	var head [blockHeader]byte
	if err := r.fill(head[:]); err != nil {
		return nil, err
	}
	packed, size := int64(binary.LittleEndian.Uint32(head[:])), binary.LittleEndian.Uint32(head[4:])
	if packed > r.left {
		return nil, errShort
	}
	buffer := packedBlocks.Get().(*[]byte)
	defer packedBlocks.Put(buffer)
	*buffer = slices.Grow((*buffer)[:0], int(packed))[:packed]
	if err := r.fill(*buffer); err != nil {
		return nil, err
	}
	if n, err := s2.DecodedLen(*buffer); err != nil || n != int(size) {
		return nil, fmt.Errorf("decompress block: %d bytes, expected %d: %w", n, size, err)
	}
	message, err := s2.Decode(make([]byte, size), *buffer)
	if err != nil {
		return nil, fmt.Errorf("decompress block: %w", err)
	}
	return message, nil
}

func (r *blockReader) fill(b []byte) error {
	if int64(len(b)) > r.left {
		return errShort
	}
	r.left -= int64(len(b))
	_, err := io.ReadFull(r.in, b)
	return err
}

// messages holds the buffers that messages are put together in.
var messages = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// appendBatch appends a record batch as a block.
func appendBatch(dst []byte, rec arrow.RecordBatch) ([]byte, error) {
	payload, err := ipc.GetRecordBatchPayload(rec)
	if err != nil {
		return nil, fmt.Errorf("encode rows: %w", err)
	}
	defer payload.Release()
	message := messages.Get().(*bytes.Buffer)
	defer messages.Put(message)
	message.Reset()
	if _, err := payload.WritePayload(message); err != nil {
		return nil, fmt.Errorf("encode rows: %w", err)
	}
	return appendBlock(dst, message.Bytes()), nil
}

func schemaBlock(sc *arrow.Schema) ([]byte, error) {
	payload := ipc.GetSchemaPayload(sc, memory.DefaultAllocator)
	defer payload.Release()
	var message bytes.Buffer
	if _, err := payload.WritePayload(&message); err != nil {
		return nil, fmt.Errorf("encode schema: %w", err)
	}
	return appendBlock(nil, message.Bytes()), nil
}

// decoders keeps decoders by the schema message that they understand: to read
// a schema takes longer than to read the few rows that follow it in most files.
type decoders struct{ pools sync.Map } // string → *sync.Pool of *decoder

// decoder turns messages into record batches.
type decoder struct {
	next   *ipc.Message
	reader *ipc.Reader
	pool   *sync.Pool
}

func (d *decoders) get(schema []byte) (*decoder, error) {
	found, ok := d.pools.Load(string(schema))
	if !ok {
		found, _ = d.pools.LoadOrStore(string(schema), new(sync.Pool))
	}
	pool := found.(*sync.Pool)
	if d, ok := pool.Get().(*decoder); ok {
		return d, nil
	}
	dec := &decoder{pool: pool}
	if err := dec.load(schema); err != nil {
		return nil, err
	}
	var err error
	if dec.reader, err = ipc.NewReaderFromMessageReader(dec); err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	return dec, nil
}

func (d *decoder) put() { d.pool.Put(d) }

// load makes a message the one that the reader finds next.
func (d *decoder) load(message []byte) error {
	const prefix = 8 // continuation mark and length of the metadata
	if len(message) < prefix {
		return fmt.Errorf("a message of %d bytes, expected at least %d", len(message), prefix)
	}
	end := prefix + int64(binary.LittleEndian.Uint32(message[4:]))
	if end > int64(len(message)) || end == prefix {
		return fmt.Errorf("metadata to byte %d of a message of %d", end, len(message))
	}
	d.next = ipc.NewMessage(memory.NewBufferBytes(message[prefix:end]), memory.NewBufferBytes(message[end:]))
	return nil
}

// decode returns the record batch that a message holds. It shares the message's
// memory.
func (d *decoder) decode(message []byte) (arrow.RecordBatch, error) {
	if err := d.load(message); err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	rec, err := d.reader.Read()
	if err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	rec.Retain() // the reader releases its own reference with the next message
	return rec, nil
}

// Message, Retain and Release make a decoder the reader's source.
func (d *decoder) Message() (*ipc.Message, error) {
	if d.next == nil {
		return nil, io.EOF
	}
	m := d.next
	d.next = nil
	return m, nil
}

func (d *decoder) Retain()  {}
func (d *decoder) Release() {}
