// The judge of the encoders: what Prometheus's own code reads in a body of ours. On stdin, one behind another: a byte
// with the version of the protocol (1 or 2), the length of the body as four bytes, big endian, the body. On stdout a
// line of JSON for each.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"unicode/utf8"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
)

// Value bits as sixteen hexadecimal digits, time and start time in milliseconds.
type sample [3]any

type metadata struct {
	Family string `json:"family,omitempty"`
	Type   string `json:"type"`
	Help   string `json:"help,omitempty"`
	Unit   string `json:"unit,omitempty"`
}

type series struct {
	Labels   []string  `json:"labels"`
	Samples  []sample  `json:"samples"`
	Metadata *metadata `json:"metadata,omitempty"`
}

type request struct {
	Series   []series   `json:"series"`
	Metadata []metadata `json:"metadata,omitempty"`
}

func main() {
	log.SetFlags(0)
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for at := 0; ; at++ {
		version, body, err := next(in)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			log.Fatalf("body %d: %v", at, err)
		}
		read, err := decode(version, body)
		if err != nil {
			log.Fatalf("body %d: %v", at, err)
		}
		if err := encoder.Encode(read); err != nil {
			log.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}

func next(in *bufio.Reader) (byte, []byte, error) {
	version, err := in.ReadByte()
	if err != nil {
		return 0, nil, err
	}
	var length uint32
	if err := binary.Read(in, binary.BigEndian, &length); err != nil {
		return 0, nil, fmt.Errorf("its length: %w", err)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(in, body); err != nil {
		return 0, nil, fmt.Errorf("its bytes: %w", err)
	}
	return version, body, nil
}

func decode(version byte, body []byte) (*request, error) {
	bytes, err := snappy.Decode(nil, body)
	if err != nil {
		return nil, err
	}
	if version == 1 {
		return decodeV1(bytes)
	}
	return decodeV2(bytes)
}

func decodeV1(bytes []byte) (*request, error) {
	var from prompb.WriteRequest
	if err := from.Unmarshal(bytes); err != nil {
		return nil, err
	}
	to := &request{Series: []series{}}
	for _, one := range from.Timeseries {
		labels := []string{}
		for _, label := range one.Labels {
			labels = append(labels, label.Name, label.Value)
		}
		samples := []sample{}
		for _, s := range one.Samples {
			samples = append(samples, sample{bits(s.Value), s.Timestamp, 0})
		}
		if len(one.Histograms)+len(one.Exemplars) > 0 {
			return nil, errors.New("histograms or exemplars that nobody sent")
		}
		to.Series = append(to.Series, series{Labels: labels, Samples: samples})
	}
	for _, m := range from.Metadata {
		to.Metadata = append(to.Metadata, metadata{m.MetricFamilyName, m.Type.String(), m.Help, m.Unit})
	}
	return to, check(to)
}

func decodeV2(bytes []byte) (*request, error) {
	var from writev2.Request
	if err := from.Unmarshal(bytes); err != nil {
		return nil, err
	}
	if err := checkSymbols(from.Symbols); err != nil {
		return nil, err
	}
	var failed error
	text := func(ref uint32) string {
		if int(ref) >= len(from.Symbols) {
			failed = fmt.Errorf("symbol %d of %d", ref, len(from.Symbols))
			return ""
		}
		return from.Symbols[ref]
	}
	to := &request{Series: []series{}}
	for _, one := range from.Timeseries {
		labels := []string{}
		for _, ref := range one.LabelsRefs {
			labels = append(labels, text(ref))
		}
		samples := []sample{}
		for _, s := range one.Samples {
			samples = append(samples, sample{bits(s.Value), s.Timestamp, s.StartTimestamp})
		}
		if len(one.Histograms)+len(one.Exemplars) > 0 {
			return nil, errors.New("histograms or exemplars that nobody sent")
		}
		// the same numbers as in 1.0
		kind := prompb.MetricMetadata_MetricType(one.Metadata.Type).String()
		about := metadata{"", kind, text(one.Metadata.HelpRef), text(one.Metadata.UnitRef)}
		to.Series = append(to.Series, series{labels, samples, &about})
	}
	if failed != nil {
		return nil, failed
	}
	return to, check(to)
}

// The first symbol is empty, and none comes twice.
func checkSymbols(symbols []string) error {
	if len(symbols) == 0 || symbols[0] != "" {
		return errors.New("the first symbol is not the empty one")
	}
	seen := make(map[string]bool, len(symbols))
	for _, symbol := range symbols {
		if seen[symbol] {
			return fmt.Errorf("the symbol %q comes twice", symbol)
		}
		seen[symbol] = true
	}
	return nil
}

// What the specification asks of each series, in the order of Go's strings, which is that of their bytes.
func check(from *request) error {
	for _, one := range from.Series {
		if len(one.Samples) == 0 {
			return fmt.Errorf("%q has no samples", one.Labels)
		}
		if len(one.Labels)%2 != 0 {
			return fmt.Errorf("%q: a name without a value", one.Labels)
		}
		before := ""
		for i, text := range one.Labels {
			if text == "" || !utf8.ValidString(text) {
				return fmt.Errorf("%q: %q is empty or not UTF-8", one.Labels, text)
			}
			if i%2 == 0 {
				if text <= before {
					return fmt.Errorf("%q: %q behind %q", one.Labels, text, before)
				}
				before = text
			}
		}
	}
	return nil
}

func bits(value float64) string {
	return fmt.Sprintf("%016x", math.Float64bits(value))
}
