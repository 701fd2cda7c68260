package vm

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Kernel is an unpacked Debian kernel package.
type Kernel struct {
	Image   string // vmlinuz
	Release string // as uname -r says it
	modules string // lib/modules/RELEASE
}

// FetchKernel gives the stock cloud kernel of a Debian suite. It is downloaded
// once into the user's cache, which needs no root; removing the cache fetches
// the suite's newest.
func FetchKernel(suite string) (Kernel, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return Kernel{}, err
	}
	cache = filepath.Join(cache, "memcgfs", "kernels")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return Kernel{}, err
	}
	dir := filepath.Join(cache, suite)
	if _, err := os.Stat(dir); err != nil {
		// Another process may be at it as well: the first to end wins.
		tmp, err := os.MkdirTemp(cache, suite+".tmp-")
		if err != nil {
			return Kernel{}, err
		}
		defer os.RemoveAll(tmp)
		if err := download(suite, tmp); err != nil {
			return Kernel{}, fmt.Errorf("fetch the kernel of Debian %s: %w", suite, err)
		}
		err = os.Rename(filepath.Join(tmp, "root"), dir)
		if err != nil && !os.IsExist(err) && err.(*os.LinkError).Err != unix.ENOTEMPTY {
			return Kernel{}, err
		}
	}
	images, _ := filepath.Glob(filepath.Join(dir, "boot/vmlinuz-*"))
	if len(images) != 1 {
		return Kernel{}, fmt.Errorf("%s has %d kernels, where one is expected; remove it", dir, len(images))
	}
	release := strings.TrimPrefix(filepath.Base(images[0]), "vmlinuz-")
	k := Kernel{Image: images[0], Release: release}
	for _, lib := range []string{"lib", "usr/lib"} { // the latter from trixie on
		if m := filepath.Join(dir, lib, "modules", release); exists(m) {
			k.modules = m
			return k, nil
		}
	}
	return Kernel{}, fmt.Errorf("%s has no modules; remove it", dir)
}

var imageDependency = regexp.MustCompile(`(?m)^Depends: (linux-image-\S+)`)

// download unpacks the suite's kernel package into dir/root.
func download(suite, dir string) error {
	archive, err := debianArchive()
	if err != nil {
		return err
	}
	source := fmt.Sprintf("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n", archive, suite)
	if err := os.WriteFile(filepath.Join(dir, "sources.list"), []byte(source), 0o644); err != nil {
		return err
	}
	for _, sub := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	// The suite need not be one that this machine installs from, and nothing
	// of the machine's own apt is changed.
	options := []string{
		"-o", "Dir::Etc::sourcelist=" + dir + "/sources.list",
		"-o", "Dir::Etc::sourceparts=/dev/null",
		"-o", "Dir::State::lists=" + dir + "/lists",
		"-o", "Dir::Cache=" + dir + "/cache",
		"-o", "Acquire::Languages=none",
	}
	if os.Geteuid() == 0 {
		// Its own user cannot get into root's cache.
		options = append(options, "-o", "APT::Sandbox::User=root")
	}
	apt := func(program string, args ...string) ([]byte, error) {
		return command(dir, program, slices.Concat(options, args)...)
	}
	if _, err := apt("apt-get", "update"); err != nil {
		return err
	}
	about, err := apt("apt-cache", "show", "linux-image-cloud-amd64")
	if err != nil {
		return err
	}
	found := imageDependency.FindSubmatch(about)
	if found == nil {
		return fmt.Errorf("linux-image-cloud-amd64 depends on no kernel:\n%s", about)
	}
	if _, err := apt("apt-get", "download", string(found[1])); err != nil {
		return err
	}
	packages, _ := filepath.Glob(filepath.Join(dir, "*.deb"))
	if len(packages) != 1 {
		return fmt.Errorf("apt-get download left %d packages", len(packages))
	}
	_, err = command(dir, "dpkg", "-x", packages[0], filepath.Join(dir, "root"))
	return err
}

// debianArchive is the address that this machine's own sources give for
// Debian, which may be a mirror: .../debian, unlike .../debian-security.
func debianArchive() (string, error) {
	out, err := command("", "apt-get", "indextargets", "--format", "$(REPO_URI) $(COMPONENT)", "Created-By: Packages")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(out)) {
		uri, component, _ := strings.Cut(strings.TrimSpace(line), " ")
		if component == "main" && strings.Contains(uri+"/", "/debian/") {
			return uri, nil
		}
	}
	return "", fmt.Errorf("this machine's apt sources name no Debian archive:\n%s", out)
}

// addModules puts the modules that the kernel does not have built in into the
// image, numbered in the order of loading.
func (k Kernel) addModules(im *image) error {
	builtin, err := os.ReadFile(filepath.Join(k.modules, "modules.builtin"))
	if err != nil {
		return err
	}
	for i, name := range modules {
		if bytes.Contains(builtin, []byte("/"+name+".ko\n")) {
			continue
		}
		content, err := k.module(name)
		if err != nil {
			return err
		}
		im.file(fmt.Sprintf("lib/memcgfs/%s/%d-%s.ko", k.Release, i, name), content, 0o644)
	}
	return nil
}

// module reads one, which newer suites compress.
func (k Kernel) module(name string) ([]byte, error) {
	path, err := command(k.modules, "find", "kernel", "-name", name+".ko", "-o", "-name", name+".ko.xz")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(k.modules, strings.TrimSpace(string(path)))
	if filepath.Ext(file) == ".xz" {
		return command("", "xz", "-dc", file)
	}
	return os.ReadFile(file)
}

// command runs a program, and gives what it printed; an error has what it
// complained of.
func command(dir, program string, args ...string) ([]byte, error) {
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("%s: %w\n%s%s", strings.Join(cmd.Args, " "), err, out, &complaint)
	}
	return out, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
