// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * What Java's runtime uses SIGSEGV for in ordinary work: null checks that compiled code leaves out, on many threads, and
 * stack overflows. Then, if asked to, a crash that is one: a write to where nothing is.
 */
import java.util.concurrent.atomic.AtomicInteger;

public class Runtime {
	static int length(String text) {
		return text.length();
	}

	static int overflow(int depth) {
		return overflow(depth + 1) + 1;
	}

	static void work(AtomicInteger caught, AtomicInteger overflowed) {
		for (int i = 0; i < 5000; i++) {
			try {
				length(i % 2 == 0 ? null : "x");
			} catch (NullPointerException e) {
				caught.incrementAndGet();
			}
		}
		for (int i = 0; i < 5; i++) {
			try {
				overflow(0);
			} catch (StackOverflowError e) {
				overflowed.incrementAndGet();
			}
		}
	}

	public static void main(String[] words) throws Exception {
		AtomicInteger caught = new AtomicInteger(), overflowed = new AtomicInteger();
		Thread[] threads = new Thread[4];

		for (int i = 0; i < threads.length; i++) {
			threads[i] = new Thread(() -> work(caught, overflowed));
			threads[i].start();
		}
		for (Thread thread : threads)
			thread.join();
		System.out.println("caught " + caught + ", overflowed " + overflowed);
		if (words.length > 0) {
			var field = sun.misc.Unsafe.class.getDeclaredField("theUnsafe");

			field.setAccessible(true);
			((sun.misc.Unsafe) field.get(null)).putLong(8, 1);
		}
	}
}
