package differ

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"memcgfs/cgroupio"
)

// listsTasks says that a file holds numbers of tasks.
func listsTasks(path string) bool {
	base := filepath.Base(path)
	return base == "tasks" || base == "cgroup.procs"
}

// verdict is what is known of a text before it is written.
type verdict struct {
	// Refused says that memcgfs refuses it as a size though the kernel takes
	// it, for something else than is written.
	Refused bool
	// Small, that as a limit it could end the processes inside.
	Small bool
}

// bytes is what is written for text to the file at path. refused says that
// EINVAL is what memcgfs gives on purpose, and that the kernel gets something
// harmless. ok is false for what must not be written there, on either side.
func (c *call) bytes(text, path string) (b []byte, refused, ok bool) {
	if form, who, isPid := cutPid(text); isPid {
		if who == "self" {
			who = c.w.caller.name
		} else if who == "child" || who == "thread" {
			who = c.w.caller.name + "." + who
		}
		number, known := c.w.numbers[who]
		return fmt.Appendf(nil, form, number[c.s.index]), false, known && listsTasks(path)
	}
	onKernel := c.s.index == 0 && !c.w.caller.behind
	switch base := filepath.Base(path); {
	case text == "", listsTasks(path) && isTaskNumber(text):
		// FUSE does not pass on that nothing is written.
		return nil, false, false
	case strings.HasSuffix(base, "limit_in_bytes"):
		if c.text.Small && base != "memory.soft_limit_in_bytes" {
			return nil, false, false
		}
		if c.text.Refused && onKernel {
			return []byte("bogus"), true, true
		}
	case strings.HasSuffix(base, "_in_bytes"):
		// The kernel sets the peak back whatever the text is.
		if onKernel && len(text) <= 4096 && cgroupio.CheckKernelSize([]byte(text), false) != nil {
			return []byte("0"), true, true
		}
	}
	return []byte(text), false, true
}

// cutPid takes apart a text that stands for the number of a task, such as
// pid:child.
func cutPid(text string) (format, who string, ok bool) {
	form, who, ok := strings.Cut(text, ":")
	format, known := map[string]string{"pid": "%d", "hex": "0x%x", "oct": "0%o", "plus": " +%d\n", "nul": "%d\x00x"}[form]
	return format, who, ok && known
}

// isTaskNumber says that the kernel could take the text for the number of a
// task, which may be anybody's.
func isTaskNumber(text string) bool {
	text, _, _ = strings.Cut(text, "\x00")
	text = strings.TrimLeft(strings.TrimSpace(text), "+")
	for _, base := range []int{0, 10, 8, 16} {
		if n, err := strconv.ParseInt(text, base, 64); err == nil && n >= 0 && n <= 4194304 {
			return true
		}
	}
	return false
}

// identities turns a list of tasks into their names, as the numbers differ from
// side to side. Only the order is lost, and an odd one is told.
func (c *call) identities(text []byte) string {
	names := map[int]string{}
	for name, numbers := range c.w.numbers {
		names[numbers[0]], names[numbers[1]] = name, name
	}
	last, odd := 0, ""
	var out []string
	for field := range bytes.FieldsSeq(text) {
		number, _ := strconv.Atoi(string(field))
		if number <= last {
			odd = " unsorted"
		}
		last = number
		name, ok := names[number]
		if !ok {
			name = fmt.Sprintf("a stranger (%s)", field)
		}
		out = append(out, name)
	}
	return fmt.Sprint(sorted(out), odd)
}

// judge asks the kernel, on a group that nobody is in, what a text is as a
// size.
func judge(oracle, text string) verdict {
	path := filepath.Join(oracle, "memory.soft_limit_in_bytes")
	const before = "1073741824"
	write := func(text string) error {
		fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		_, err = unix.Write(fd, []byte(text))
		return err
	}
	if write(before) != nil || write(text) != nil {
		return verdict{}
	}
	now, err := os.ReadFile(path)
	value, perr := strconv.ParseUint(strings.TrimSpace(string(now)), 10, 64)
	return verdict{
		Refused: cgroupio.CheckKernelSize([]byte(text), true) != nil,
		Small:   err != nil || perr != nil || value < 16<<20,
	}
}
