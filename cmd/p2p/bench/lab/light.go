package lab

import (
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sync/errgroup"
)

// The reference transfer: blocks of 16 KiB with the header of a piece message
// (BEP 3), one SHA-1 for each piece, and nothing of what makes a swarm.
const (
	block       = 16 << 10
	blockHeader = 13
	pieceID     = 7
	buffered    = 16 // pieces in memory of the receiver

	maxPieceLength = 256 << 20
)

// Send gives file to everybody who connects to address, in pieces of pieceLength
// bytes, until ctx ends. It tells ready where it listens.
func Send(ctx context.Context, address, file string, pieceLength int, ready func(string) error) error {
	if err := checkPieceLength(pieceLength); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	if err := ready(listener.Addr().String()); err != nil {
		return errors.Join(err, listener.Close())
	}
	var senders sync.WaitGroup
	defer senders.Wait()
	release := context.AfterFunc(ctx, func() { listener.Close() })
	defer release()
	for {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		senders.Go(func() {
			hangUp := context.AfterFunc(ctx, func() { conn.Close() })
			defer hangUp()
			sendFile(conn, file, pieceLength) // the receiver notices what is missing
		})
	}
}

func sendFile(conn net.Conn, file string, pieceLength int) error {
	defer conn.Close()
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, pieceLength)
	headers := make([]byte, blockHeader*((pieceLength+block-1)/block))
	for n := 0; ; n++ {
		got, err := f.ReadAt(buf, int64(n)*int64(pieceLength))
		if got == 0 {
			return err
		}
		var message net.Buffers
		for begin := 0; begin < got; begin += block {
			h, end := headers[blockHeader*(begin/block):][:blockHeader], min(got, begin+block)
			binary.BigEndian.PutUint32(h, uint32(blockHeader-4+end-begin))
			h[4] = pieceID
			binary.BigEndian.PutUint32(h[5:], uint32(n))
			binary.BigEndian.PutUint32(h[9:], uint32(begin))
			message = append(message, h, buf[begin:end])
		}
		if _, err := message.WriteTo(conn); err != nil {
			return err
		}
	}
}

func checkPieceLength(n int) error {
	if n < block || n > maxPieceLength {
		return fmt.Errorf("pieces of %d bytes: want %d to %d", n, block, maxPieceLength)
	}
	return nil
}

// received is one piece on its way from the socket to the file.
type received struct {
	data   []byte
	offset int64
}

// Receive fetches size bytes from a Send at address into file: one goroutine
// reads the socket, two hash and write.
func Receive(ctx context.Context, address, file string, size int64, pieceLength int) error {
	if err := checkPieceLength(pieceLength); err != nil {
		return err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	pieces, free := make(chan received, buffered), make(chan []byte, buffered)
	for range buffered {
		free <- make([]byte, pieceLength)
	}
	g, ctx := errgroup.WithContext(ctx)
	hangUp := context.AfterFunc(ctx, func() { conn.Close() })
	defer hangUp()
	for range 2 {
		g.Go(func() error { return hashAndWrite(ctx, f, pieces, free) })
	}
	g.Go(func() error {
		defer close(pieces)
		return readPieces(ctx, conn, size, pieces, free)
	})
	return errors.Join(g.Wait(), f.Close())
}

func readPieces(ctx context.Context, conn net.Conn, size int64, pieces chan<- received, free <-chan []byte) error {
	header := make([]byte, blockHeader)
	for offset := int64(0); offset < size; {
		var b []byte
		select {
		case b = <-free:
		case <-ctx.Done():
			return ctx.Err()
		}
		b = b[:min(int64(cap(b)), size-offset)]
		for begin := 0; begin < len(b); begin += block {
			if _, err := io.ReadFull(conn, header); err != nil {
				return fmt.Errorf("receive: %w", err)
			}
			if _, err := io.ReadFull(conn, b[begin:min(len(b), begin+block)]); err != nil {
				return fmt.Errorf("receive: %w", err)
			}
		}
		pieces <- received{b, offset} // there is room for every buffer
		offset += int64(len(b))
	}
	return nil
}

func hashAndWrite(ctx context.Context, f *os.File, pieces <-chan received, free chan<- []byte) error {
	for {
		select {
		case p, ok := <-pieces:
			if !ok {
				return nil
			}
			if sha1.Sum(p.data) == [sha1.Size]byte{} { // a comparison, so that the hash is needed
				return errors.New("receive: no data has this hash")
			}
			if _, err := f.WriteAt(p.data, p.offset); err != nil {
				return err
			}
			free <- p.data
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
