# SPDX-License-Identifier: GPL-2.0-or-later
"""Sphinx's settings for the manual; it uses nothing but what Sphinx has."""

project = 'xen-nic-pg'
copyright = 'The xen-nic-pg authors'  # pylint: disable=redefined-builtin
root_doc = 'index'
nitpicky = True
highlight_language = 'none'

html_theme = 'alabaster'
html_theme_options = {
    'description': 'Persistent grants for Xen vifs, in QEMU',
    'page_width': '1100px',
}
html_show_copyright = False
