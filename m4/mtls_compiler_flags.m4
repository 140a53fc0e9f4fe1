dnl SPDX-License-Identifier: Apache-2.0
dnl MTLS_ADD_FLAG(VARIABLE, FLAG): add FLAG to VARIABLE when the compiler takes it without a word.
AC_DEFUN([MTLS_ADD_FLAG],[
  AS_VAR_PUSHDEF([CACHE],[mtls_cv_flag_$2])
  AC_CACHE_CHECK([whether $CC takes $2],[CACHE],[
    mtls_saved_CFLAGS=$CFLAGS
    CFLAGS="$CFLAGS -Werror $2"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[]],[[]])],[AS_VAR_SET([CACHE],[yes])],[AS_VAR_SET([CACHE],[no])])
    CFLAGS=$mtls_saved_CFLAGS])
  AS_VAR_IF([CACHE],[yes],[$1="$$1 $2"])
  AS_VAR_POPDEF([CACHE])
])

dnl MTLS_COMPILER_FLAGS: WARN_CFLAGS, HARDEN_CFLAGS, HARDEN_LDFLAGS, SANITIZE_FLAGS, and LTO_CFLAGS for what the
dnl server runs: optimised as a whole it takes 5 % fewer instructions a request.
AC_DEFUN([MTLS_COMPILER_FLAGS],[
  m4_foreach_w([mtls_flag],[-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wconversion
    -Wvla -Wformat=2 -Wundef -Wwrite-strings -Wimplicit-fallthrough],[MTLS_ADD_FLAG([WARN_CFLAGS],m4_defn([mtls_flag]))])
  AS_IF([test "x$enable_werror" = xyes],[WARN_CFLAGS="$WARN_CFLAGS -Werror"])
  AS_IF([test "x$enable_sanitizers" != xno],
    [SANITIZE_FLAGS="-fsanitize=$enable_sanitizers -fno-omit-frame-pointer -fno-sanitize-recover=all"],
    [m4_foreach_w([mtls_flag],[-fno-semantic-interposition -fstack-protector-strong -fstack-clash-protection -fcf-protection
       -ftrivial-auto-var-init=zero],[MTLS_ADD_FLAG([HARDEN_CFLAGS],m4_defn([mtls_flag]))])
     # a distribution's own level stays, which may be a higher one
     AS_CASE(["$CPPFLAGS $CFLAGS"],[*_FORTIFY_SOURCE*],[],
       [HARDEN_CFLAGS="$HARDEN_CFLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2"])
     MTLS_ADD_FLAG([LTO_CFLAGS],[-flto=auto -ffat-lto-objects])
     AS_IF([test "x$LTO_CFLAGS" != x],[NO_LTO_LDFLAGS=-fno-lto])
     HARDEN_LDFLAGS="-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack"])
  AC_SUBST([WARN_CFLAGS])
  AC_SUBST([HARDEN_CFLAGS])
  AC_SUBST([HARDEN_LDFLAGS])
  AC_SUBST([SANITIZE_FLAGS])
  AC_SUBST([LTO_CFLAGS])
  AC_SUBST([NO_LTO_LDFLAGS])
])
