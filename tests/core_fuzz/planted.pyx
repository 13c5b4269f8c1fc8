# cython: language_level=3, boundscheck=False, wraparound=False
"""Faults that the sanitizers must see: `.ci/sanitize` asks for each before it believes them."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int64_t, uint8_t


def past_end(data):
    """The byte behind the last one."""
    cdef Py_buffer view
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        return (<const uint8_t*>view.buf)[view.len]
    finally:
        PyBuffer_Release(&view)


def past_63_bits(int64_t value):
    """The int after the last one."""
    return value + 1
