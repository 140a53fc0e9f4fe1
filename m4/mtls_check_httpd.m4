dnl SPDX-License-Identifier: Apache-2.0
dnl MTLS_CHECK_HTTPD: find httpd through apxs; sets enable_httpd_module to yes or no, HTTPD_CFLAGS and
dnl httpdmoduledir. Of apxs only folders are taken: its compiler flags are those of another build.
AC_DEFUN([MTLS_CHECK_HTTPD],[
  AS_IF([test -z "$APXS"],[AC_PATH_PROGS([APXS],[apxs apxs2],[no],[$PATH:/usr/sbin:/usr/local/apache2/bin])])
  AS_IF([test "x$enable_httpd_module" = xauto && test "x$APXS" = xno],[enable_httpd_module=no])
  AS_IF([test "x$enable_httpd_module" != xno],[
    AS_IF([test "x$APXS" = xno],
      [AC_MSG_ERROR([apxs is not found; install httpd's development files (Debian: apache2-dev) or say --with-apxs=FILE])])
    HTTPD_CFLAGS="-isystem `$APXS -q INCLUDEDIR`"
    AS_IF([test -z "$httpdmoduledir"],[httpdmoduledir=`$APXS -q LIBEXECDIR`])
    mtls_saved_CPPFLAGS=$CPPFLAGS
    CPPFLAGS="$CPPFLAGS $HTTPD_CFLAGS $APR_CFLAGS"
    AC_MSG_CHECKING([for Apache httpd 2.4.49 or later])
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
#include <ap_release.h>
#define VERSION (AP_SERVER_MAJORVERSION_NUMBER * 1000000 + AP_SERVER_MINORVERSION_NUMBER * 1000 \
                 + AP_SERVER_PATCHLEVEL_NUMBER)
#if VERSION < 2004049
#error too old
#endif]],[[]])],
      [AC_MSG_RESULT([yes])],
      [AC_MSG_RESULT([no])
       AC_MSG_ERROR([httpd at $APXS is older than 2.4.49, which first tells client from backend connections; install a newer one or say --disable-httpd-module])])
    AC_CHECK_HEADER([mod_ssl_openssl.h],[],
      [AC_MSG_ERROR([mod_ssl_openssl.h is not found; install it (Debian: apache2-ssl-dev)])],
      [#include <httpd.h>])
    CPPFLAGS=$mtls_saved_CPPFLAGS
    enable_httpd_module=yes
  ])
  AC_SUBST([HTTPD_CFLAGS])
  AC_SUBST([httpdmoduledir])
])
