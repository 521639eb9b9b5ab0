// SPDX-License-Identifier: GPL-3.0-or-later

// What Go's runtime uses SIGSEGV for in ordinary work: nil pointers, recovered on many threads, beside calls into C. Then,
// by the first word: "panic", nobody recovers it; "c", the fault is in C.
package main

/*
static int add(int a, int b) { return a + b; }
static void die(void) { *(volatile int *)0 = 1; }
*/
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

func read(p *int) (caught int64) {
	defer func() {
		if recover() != nil {
			caught = 1
		}
	}()
	return int64(*p)
}

func work(recovered *int64) {
	runtime.LockOSThread()
	for i := 0; i < 1000; i++ {
		atomic.AddInt64(recovered, read(nil))
		C.add(1, 2)
	}
}

func main() {
	var recovered int64
	var all sync.WaitGroup

	for i := 0; i < 8; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			work(&recovered)
		}()
	}
	all.Wait()
	fmt.Println("recovered", recovered)
	if len(os.Args) > 1 && os.Args[1] == "panic" {
		var nothing *int
		*nothing = 1
	}
	if len(os.Args) > 1 && os.Args[1] == "c" {
		C.die()
	}
}
