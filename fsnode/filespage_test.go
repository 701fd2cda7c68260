package fsnode

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"memcgfs/cgroupio"
	"memcgfs/internal/testdoc"
	"memcgfs/internal/testgroup"
	"memcgfs/internal/testmount"
)

var update = flag.Bool("update", false, "write the generated part of docs/files.md anew")

const (
	filesPage      = "docs/files.md"
	beginGenerated = "<!-- From here on made by: go test ./fsnode -run TestFilesPage -update -->\n"
	endGenerated   = "<!-- Up to here. -->\n"
)

// TestFilesPage keeps docs/files.md at what the table of virtual files says.
func TestFilesPage(t *testing.T) {
	page := testdoc.Read(t, filesPage)
	before, rest, ok := strings.Cut(page, beginGenerated)
	_, after, ok2 := strings.Cut(rest, endGenerated)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for what is generated", filesPage)
	}
	want := before + beginGenerated + "\n" + describe(virtualFiles) + endGenerated + after
	if page == want {
		return
	}
	if *update {
		if err := os.WriteFile(testdoc.Path(t, filesPage), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s is not what the table of virtual files says; run go test ./fsnode -run TestFilesPage -update", filesPage)
}

// describe is the reference of virtual files.
func describe(files []virtualFile) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("| file | mode | reads as | takes |\n|---|---|---|---|")
	for _, v := range files {
		reads, _, _ := strings.Cut(v.doc.example, "\n")
		if len(reads) > 24 {
			reads = strings.TrimSpace(reads[:24]) + " ..."
		}
		takes := "-"
		if v.write != nil {
			takes, _, _ = strings.Cut(v.doc.takes, ",")
		}
		line("| [`%s`](#%s) | %04o | `%s` | %s |", v.name, strings.ReplaceAll(v.name, ".", ""), v.mode(), reads, takes)
	}
	for _, v := range files {
		line("\n### %s\n\n%s\n\n```\n%s```\n", v.name, v.doc.reads, v.doc.example)
		line("- Mode: %04o in a new group. Owner, mode and times are those of `%s`.", v.mode(), v.needs[0].V1File())
		if v.write == nil {
			line("- Takes nothing: opening it for writing is EACCES.")
		} else {
			line("- Takes: %s", v.doc.takes)
		}
		if len(v.doc.fails) > 0 {
			line("- Fails with:")
		}
		for _, f := range v.doc.fails {
			line("  - %s: %s.", unix.ErrnoName(f.errno), f.meaning)
		}
		if v.live {
			line("- Fresh at each read from the beginning. A reader at the end gets a line a second, so that `tail -f` follows it; size and time of change move with it.")
		} else {
			line("- Fresh at each read from the beginning.")
		}
		stands := "- Stands on " + names(v.needs)
		if len(v.doc.also) > 0 {
			stands += "; where it is there, on " + names(v.doc.also)
		}
		line("%s.", stands)
	}
	line("")
	return b.String()
}

// mode is what the file has in a group that was just made.
func (v *virtualFile) mode() uint32 {
	if v.write == nil {
		return 0o444
	}
	return 0o644
}

func names(quantities []cgroupio.Quantity) string {
	var list []string
	for _, q := range quantities {
		list = append(list, "`"+q.V1File()+"`")
	}
	return strings.Join(list, " and ")
}

// TestFilesPageIsTrue compares what the page says with the files of a group
// that uses memory, on a real mount.
func TestFilesPageIsTrue(t *testing.T) {
	m := testmount.Start(t)
	raw := testgroup.New(t)
	group := filepath.Join(m.Dir, filepath.Base(raw))
	prepare := exec.Command("bash", "-c", `
		echo 20M > limit.human
		(echo 0 > tasks; A=$(head -c 4M /dev/zero | tr '\0' A); sleep 600 & wait) >/dev/null 2>&1 &
		until grep -q 'anonymous .*[4-9]\.[0-9]M' stat.human; do sleep 0.1; done
		echo 20X > limit.human 2>/dev/null || true`)
	prepare.Dir = group
	if out, err := prepare.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	entries, err := os.ReadDir(group)
	if err != nil {
		t.Fatal(err)
	}
	var added []string
	for _, e := range entries {
		if _, err := os.Lstat(filepath.Join(raw, e.Name())); err != nil {
			added = append(added, e.Name())
		}
	}
	var declared []string
	for _, v := range virtualFiles {
		declared = append(declared, v.name)
		path := filepath.Join(group, v.name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		} else if !testdoc.Same(v.doc.example, string(text)) {
			t.Errorf("%s reads as\n%s\nand the page shows\n%s", v.name, text, v.doc.example)
		}
		if st, err := os.Stat(path); err != nil || uint32(st.Mode()) != v.mode() {
			t.Errorf("%s has mode %v, %v; the page says %04o", v.name, st.Mode(), err, v.mode())
		}
		if (v.write == nil) != (v.doc.takes == "") || v.doc.reads == "" {
			t.Errorf("%s lacks a part of its description", v.name)
		}
		for _, q := range slices.Concat(v.needs, v.doc.also) {
			if q.V1File() == "" {
				t.Errorf("%s stands on a file without a name", v.name)
			}
		}
	}
	slices.Sort(declared) // as ReadDir does
	if !slices.Equal(added, declared) {
		t.Errorf("the mount adds %v, and the table has %v", added, declared)
	}
}
