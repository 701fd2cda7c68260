package differ

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	_ "memcgfs/fsnode" // a result is not kept when it changes
	"memcgfs/internal/testmount"
)

var (
	duration = flag.Duration("for", 40*time.Second, "how long TestRandom makes new sequences")
	seed     = flag.Uint64("seed", 1, "the first sequence of TestRandom")
	goOn     = flag.Bool("goon", false, "have TestRandom go on after a difference")
	replay   = flag.String("replay", "testdata/*.txt", "the files of sequences that TestCorpus runs")
)

func TestMain(m *testing.M) {
	Work()
	os.Exit(m.Run())
}

func newPair(t *testing.T) *Pair {
	t.Helper()
	m := testmount.Start(t)
	p, err := NewPair(m.Dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// TestCorpus runs the sequences that once ended differently.
func TestCorpus(t *testing.T) {
	p := newPair(t)
	files, err := filepath.Glob(*replay)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sequence, err := Parse(string(text))
			if err != nil {
				t.Fatal(err)
			}
			d, err := p.Run(sequence)
			if err != nil {
				t.Fatal(err)
			}
			if d != nil {
				t.Errorf("ends differently:\n%s", d)
			}
		})
	}
}

// TestRandom runs new sequences, for as long as -for says.
func TestRandom(t *testing.T) {
	p := newPair(t)
	if testing.Short() {
		*duration = min(*duration, 5*time.Second)
	}
	started, steps, next := time.Now(), 0, *seed
	for ; time.Since(started) < *duration; next++ {
		sequence := Random(next, p.Files)
		steps += len(sequence)
		d, err := p.Run(sequence)
		if err != nil {
			t.Fatalf("-seed %d: %v", next, err)
		}
		if d == nil {
			continue
		}
		if d, err = p.Shrink(d); err != nil {
			t.Error(err)
		}
		t.Errorf("-seed %d ends differently:\n%s", next, d)
		if !*goOn {
			return
		}
	}
	t.Logf("%d sequences from -seed %d on, %d steps, %.0f a second", next-*seed, *seed, steps, float64(steps)/time.Since(started).Seconds())
}
