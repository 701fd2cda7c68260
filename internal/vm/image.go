package vm

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// image is an initramfs in the making: a cpio archive in the "newc" format
// (Documentation/driver-api/early-userspace/buffer-format.rst), which needs
// neither root nor a program to write. It is not compressed: unpacking it costs
// an emulated machine more than reading it.
type image struct {
	w    *bufio.Writer
	n    int // bytes written
	ino  int
	done map[string]bool // names without the leading slash
}

func newImage(w io.Writer) *image {
	return &image{w: bufio.NewWriter(w), done: map[string]bool{".": true}}
}

// entry writes one, and before it the directories that it is in. What is there
// stays.
func (im *image) entry(name string, mode uint32, mtime int64, rdev [2]int, content []byte) {
	name = strings.TrimPrefix(filepath.Clean(name), "/")
	if im.done[name] {
		return
	}
	im.done[name] = true
	im.dir(filepath.Dir(name))
	im.write(name, mode, mtime, rdev, content)
}

func (im *image) write(name string, mode uint32, mtime int64, rdev [2]int, content []byte) {
	im.ino++
	// ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
	n, _ := fmt.Fprintf(im.w, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		im.ino, mode, 0, 0, 1, mtime, len(content), 0, 0, rdev[0], rdev[1], len(name)+1, 0, name)
	im.n += n
	im.pad()
	n, _ = im.w.Write(content)
	im.n += n
	im.pad()
}

func (im *image) pad() {
	for im.n%4 != 0 {
		im.w.WriteByte(0)
		im.n++
	}
}

func (im *image) dir(name string) { im.entry(name, syscall.S_IFDIR|0o755, 0, [2]int{}, nil) }

func (im *image) file(name string, content []byte, perm uint32) {
	im.entry(name, syscall.S_IFREG|perm, 0, [2]int{}, content)
}

func (im *image) device(name string, major, minor int) {
	im.entry(name, syscall.S_IFCHR|0o600, 0, [2]int{major, minor}, nil)
}

// host copies a file of this machine to its own place, with the symbolic links
// on the way to it.
func (im *image) host(path string) error { return im.hostAt("/", path, 0) }

func (im *image) hostAt(at, rest string, links int) error {
	if links > 40 {
		return fmt.Errorf("too many symbolic links at %s", at)
	}
	rest = strings.TrimLeft(rest, "/")
	if rest == "" {
		return im.hostFile(at)
	}
	name, rest, _ := strings.Cut(rest, "/")
	at = filepath.Join(at, name)
	if target, err := os.Readlink(at); err == nil {
		im.entry(at, syscall.S_IFLNK|0o777, 0, [2]int{}, []byte(target))
		next := filepath.Dir(at)
		if filepath.IsAbs(target) {
			next = "/"
		}
		return im.hostAt(next, target+"/"+rest, links+1)
	}
	return im.hostAt(at, rest, links)
}

func (im *image) hostFile(path string) error {
	if im.done[strings.TrimPrefix(path, "/")] {
		return nil
	}
	return im.copy(path, path)
}

// copy puts a file in under another name. It keeps the time: Python does not
// believe its compiled files otherwise.
func (im *image) copy(from, to string) error {
	st, err := os.Stat(from)
	if err != nil {
		return err
	}
	if st.IsDir() {
		im.dir(to)
		return nil
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	im.entry(to, syscall.S_IFREG|uint32(st.Mode().Perm()), st.ModTime().Unix(), [2]int{}, content)
	return nil
}

// tree copies a directory with all regular files in it but those that skip
// names by their path below it.
func (im *image) tree(from, to string, skip func(path string) bool) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, path)
		switch {
		case rel != "." && skip(rel) && d.IsDir():
			return filepath.SkipDir
		case rel != "." && skip(rel) || !d.IsDir() && !d.Type().IsRegular():
			return nil
		}
		return im.copy(path, filepath.Join(to, rel))
	})
}

// end closes the archive.
func (im *image) end() error {
	im.write("TRAILER!!!", 0, 0, [2]int{}, nil)
	return im.w.Flush()
}
