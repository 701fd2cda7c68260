package vm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// packages are the Debian packages whose programs the tests find inside, as on
// every Debian machine.
var packages = []string{
	"bash", "dash", "coreutils", "util-linux", "mount", "findutils", "grep", "sed", "mawk",
	"diffutils", "procps", "attr",
}

// programs come from one of several packages.
var programs = []string{"busybox", "python3"}

// addUserland copies programs of this machine, with the libraries they need.
func addUserland(im *image) error {
	var files []string
	for _, p := range packages {
		list, err := command("", "dpkg", "-L", p)
		if err != nil {
			return fmt.Errorf("%w(run make setup)", err)
		}
		for path := range strings.Lines(string(list)) {
			path = strings.TrimSpace(path)
			dir := filepath.Base(filepath.Dir(path))
			// It tells of diversions in words.
			if filepath.IsAbs(path) && (dir == "bin" || dir == "sbin") && exists(path) {
				files = append(files, path)
			}
		}
	}
	for _, p := range programs {
		path, err := lookProgram(p)
		if err != nil {
			return err
		}
		files = append(files, path)
	}
	// Which awk, and what /bin/sh is, are links that no package lists.
	files = append(files, "/usr/bin/awk", "/bin/sh")
	stdlib, err := addPython(im)
	if err != nil {
		return err
	}
	libraries, err := librariesOf(append(stdlib, files...))
	if err != nil {
		return err
	}
	for _, f := range append(files, libraries...) {
		if err := im.host(f); err != nil {
			return err
		}
	}
	return nil
}

// lookProgram looks where packages put programs, and not in PATH, which may
// lead to a version manager's.
func lookProgram(name string) (string, error) {
	for _, dir := range []string{"/usr/bin", "/bin", "/usr/sbin", "/sbin"} {
		if path := filepath.Join(dir, name); exists(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed (run make setup)", name)
}

// addPython adds Python's library, compiled files included, as compiling is
// slow inside. It gives the files that are linked to libraries.
func addPython(im *image) (linked []string, _ error) {
	python, err := lookProgram("python3")
	if err != nil {
		return nil, err
	}
	out, err := command("/", python, "-I", "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))")
	if err != nil {
		return nil, err
	}
	stdlib := strings.TrimSpace(string(out))
	err = im.tree(stdlib, stdlib, func(path string) bool {
		top, _, _ := strings.Cut(path, "/")
		switch top {
		case "dist-packages", "test", "idlelib", "lib2to3", "pydoc_data", "distutils", "ensurepip", "unittest", "xml", "email":
			return true
		}
		return strings.HasPrefix(top, "config-")
	})
	if err != nil {
		return nil, err
	}
	linked, _ = filepath.Glob(stdlib + "/lib-dynload/*ctypes*.so")
	return linked, nil
}

// librariesOf gives the shared libraries, and the loader, of programs.
func librariesOf(files []string) ([]string, error) {
	var elf []string
	for _, f := range files {
		if isELF(f) {
			elf = append(elf, f)
		}
	}
	// Its exit code tells of files that are not dynamic as well.
	out, err := command("/", "ldd", elf...)
	if len(out) == 0 {
		return nil, errors.Join(errors.New("ldd says nothing"), err)
	}
	seen := map[string]bool{}
	var libraries []string
	for line := range strings.Lines(string(out)) {
		// "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x...)", or
		// "/lib64/ld-linux-x86-64.so.2 (0x...)"; a line that begins at the
		// margin names the file asked about.
		if !strings.HasPrefix(line, "\t") {
			continue
		}
		for _, word := range strings.Fields(line) {
			if strings.HasPrefix(word, "/") && !seen[word] {
				seen[word] = true
				libraries = append(libraries, word)
			}
		}
	}
	return libraries, nil
}

func isELF(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	magic := make([]byte, 4)
	_, err = f.Read(magic)
	return err == nil && string(magic) == "\x7fELF"
}
