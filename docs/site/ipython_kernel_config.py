"""Settings of the kernel that runs the tutorials while the site is built."""

c = get_config()  # noqa: F821 - IPython's
c.InlineBackend.figure_formats = {"retina"}  # sharp on screens of today
c.IPKernelApp.exec_lines = ["import os; os.environ.pop('FORCE_COLOR', None)"]  # text without a terminal's codes
c.IPKernelApp.log_level = 40  # its warning that it speaks to this machine alone by TCP would fail the build
