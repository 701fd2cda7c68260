package cgroupio

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"memcgfs/internal/testdoc"
)

// TestFilesPage holds docs/files.md to what is taken and refused, and why.
func TestFilesPage(t *testing.T) {
	page := testdoc.Read(t, "docs/files.md")
	if pageSize != 4096 {
		t.Skip("this machine's pages are not those of the page's examples")
	}
	for _, row := range testdoc.Table(t, page, "| written | limit in bytes |") {
		want := Max
		if row[1] != "max" {
			n, err := strconv.ParseUint(row[1], 10, 63)
			if err != nil {
				t.Fatal(err)
			}
			want = Size(n)
		}
		if got, err := ParseSize([]byte(row[0]), hundredMiB); err != nil || got != want {
			t.Errorf("%q is taken for %d, %v; the page says %d", row[0], got, err, want)
		}
	}
	reason := func(err error) string {
		var r *Refusal
		if !errors.As(err, &r) {
			return "taken"
		}
		return r.Reason
	}
	for _, row := range testdoc.Table(t, page, "| refused | reason |") {
		if _, err := ParseSize([]byte(row[0]), hundredMiB); reason(err) != row[1] {
			t.Errorf("%q: %s; the page says %s", row[0], reason(err), row[1])
		}
	}
	for _, row := range testdoc.Table(t, page, "| written | to a limit |") {
		if err := CheckKernelSize([]byte(row[0]), true); reason(err) != row[1] {
			t.Errorf("%q: %s; the page says %s", row[0], reason(err), row[1])
		}
	}
	if err := CheckKernelSize([]byte("1.5G"), true); !strings.Contains(err.Error(), "write 1536M") {
		t.Errorf("1.5G: %v; the page says to write 1536M", err)
	}
	rows := testdoc.Table(t, page, "| file | what is looked at |")
	if len(rows) != len(checks) {
		t.Fatalf("%d files are looked at, and %d are on the page", len(checks), len(rows))
	}
	for i, row := range rows {
		if row[0] != checks[i].name {
			t.Errorf("%s is looked at; the page says %s", checks[i].name, row[0])
		}
	}
}
