# INQ_FLAGS(VARIABLE, FLAGS): append to VARIABLE those of FLAGS that the compiler takes.
AC_DEFUN([INQ_FLAGS], [
for inq_flag in $2; do
	AC_MSG_CHECKING([whether $CC accepts $inq_flag])
	inq_save_CFLAGS=$CFLAGS
	CFLAGS="$CFLAGS -Werror $inq_flag"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
		[AC_MSG_RESULT([yes]); $1="$$1 $inq_flag"],
		[AC_MSG_RESULT([no])])
	CFLAGS=$inq_save_CFLAGS
done
])
