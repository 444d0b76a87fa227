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

man_pages = [
    ('xen-nic-pg', 'xen-nic-pg',
     'the QEMU device that is the network backend of Xen guests', '', 7),
    ('xen-nic-pg-stat', 'xen-nic-pg-stat', 'show what vifs do', '', 8),
    ('xen-nic-pgd', 'xen-nic-pgd',
     'run a QEMU with xen-nic-pg for each guest that has vifs', '', 8),
]
