package vm

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

//go:embed init.sh
var initScript []byte

// BuildImage writes an initramfs for the kernels: the one for all cells. run
// is the regular expression of the tests to run inside.
func BuildImage(path string, kernels []Kernel, run string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	im := newImage(f)
	// The kernel opens it for init before anything is mounted.
	im.device("dev/console", 5, 1)
	for _, dir := range []string{"proc", "sys", "tmp", "mnt", "root", "run", "var/tmp"} {
		im.dir(dir)
	}
	im.file("init", initScript, 0o755)
	im.file("etc/passwd", []byte("root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false\n"), 0o644)
	im.file("etc/group", []byte("root:x:0:\nnogroup:x:65534:\n"), 0o644)
	im.file("tests/run", []byte(run), 0o644)
	if err := addUserland(im); err != nil {
		return err
	}
	for _, k := range kernels {
		if err := k.addModules(im); err != nil {
			return err
		}
	}
	if err := addTests(im); err != nil {
		return err
	}
	if err := im.end(); err != nil {
		return err
	}
	return f.Close()
}

// addTests builds the program and the test binaries of every package that has
// tests, but of this one, and adds them with the source tree.
func addTests(im *image) error {
	out, err := command("", "go", "list", "-m", "-f", "{{.Path}} {{.Dir}}")
	if err != nil {
		return err
	}
	module, root, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	out, err = command(root, "go", "list", "-f", "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}", "./...")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "memcgfs-vm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	build := func(args ...string) error {
		// Static, since they run on any userland then.
		args = append([]string{"CGO_ENABLED=0", "go"}, args...)
		_, err := command(root, "env", args...)
		return err
	}
	program := filepath.Join(dir, "memcgfs")
	if err := build("build", "-trimpath", "-ldflags=-s -w", "-o", program, "./cmd/memcgfs"); err != nil {
		return err
	}
	if err := im.copy(program, "usr/local/bin/memcgfs"); err != nil {
		return err
	}
	var list strings.Builder
	for _, pkg := range strings.Fields(string(out)) {
		rel := strings.TrimPrefix(pkg, module+"/")
		if rel == "internal/vm" {
			continue
		}
		binary := strings.ReplaceAll(rel, "/", "-") + ".test"
		if err := build("test", "-c", "-ldflags=-s -w", "-o", filepath.Join(dir, binary), "./"+rel); err != nil {
			return err
		}
		if err := im.copy(filepath.Join(dir, binary), "tests/"+binary); err != nil {
			return err
		}
		fmt.Fprintln(&list, pkg, rel, binary)
	}
	im.file("tests/list", []byte(list.String()), 0o644)
	// Tests read what lies beside them.
	return im.tree(root, "src", func(path string) bool {
		return strings.HasPrefix(path, ".") || path == "build"
	})
}
