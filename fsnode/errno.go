package fsnode

import (
	"errors"
	"syscall"
)

// toErrno is where errors stop being Go errors: the caller gets the kernel's
// errno. fs.ToErrno would make ENOTSUP of what wraps none.
func toErrno(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return syscall.EIO
}
