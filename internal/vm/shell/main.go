// Command shell boots one cell of the matrix with a shell on the terminal:
// go run ./internal/vm/shell 6.1-v1
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"memcgfs/internal/vm"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: shell CELL")
	}
	cell, err := vm.Find(args[0])
	if err != nil {
		return err
	}
	kernel, err := vm.FetchKernel(cell.Suite)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "memcgfs-vm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	image := filepath.Join(dir, "initramfs")
	if err := vm.BuildImage(image, []vm.Kernel{kernel}, ""); err != nil {
		return err
	}
	return vm.Shell(context.Background(), cell, kernel, image)
}
