dnl SPDX-License-Identifier: Apache-2.0
dnl AX_REQUIRE_C17: set STD_CFLAGS, or stop.
AC_DEFUN([AX_REQUIRE_C17],[
  AC_SUBST([STD_CFLAGS],[-std=gnu17])
  mtls_saved_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS $STD_CFLAGS"
  AC_MSG_CHECKING([whether $CC knows C17])
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[_Static_assert(__STDC_VERSION__ >= 201710L, "C17");]],[[]])],
    [AC_MSG_RESULT([yes])],
    [AC_MSG_RESULT([no])
     AC_MSG_ERROR([a compiler for C17 is needed: gcc 8 or clang 7, or later])])
  CFLAGS=$mtls_saved_CFLAGS
])
