package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// readLines returns the lines that are asked for, each with its end. More than
// maxText bytes of them are an error that says how to ask for less.
func readLines(ctx context.Context, r io.Reader, in readIn) (string, error) {
	var kept []string
	size := 0
	lines := bufio.NewReader(r)
	for n := 0; in.Head == 0 || n < in.Offset+in.Head; n++ {
		line, err := nextLine(ctx, lines)
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
		if n < in.Offset {
			continue
		}
		kept, size = append(kept, line), size+len(line)
		for in.Tail > 0 && len(kept) > in.Tail {
			kept, size = kept[1:], size-len(kept[0])
		}
		if size > maxText {
			return "", fmt.Errorf("more than %d bytes: ask for fewer lines with offset and head, or with tail", maxText)
		}
	}
	return strings.Join(kept, ""), nil
}

// nextLine returns a line with its end; the last one may have none. At the end
// it is io.EOF.
func nextLine(ctx context.Context, r *bufio.Reader) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	var b strings.Builder
	for {
		part, err := r.ReadSlice('\n')
		b.Write(part)
		switch {
		case b.Len() > maxText:
			return "", fmt.Errorf("a line of more than %d bytes", maxText)
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err == io.EOF && b.Len() > 0:
			err = nil
		}
		if err == nil && !isText([]byte(b.String())) {
			err = errors.New("not a text file")
		}
		return b.String(), err
	}
}
