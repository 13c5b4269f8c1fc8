# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: initializedcheck=False, embedsignature=True
"""The compiled core: what `tapefold.core` and `tapefold.units.scaled` do, in C.

Those are the definition. What is common is done here; whatever is unusual (other spellings of JSON or
msgpack, numbers beyond 63 bits, what is no number, an event that is no quote, trade or delta) is
handed to the definition, so its results and its errors are the same. Nothing is read beyond the
length of what was given.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_GET_LENGTH
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcmp, memcpy

from msgspec import Raw

from tapefold.core.levels import NOTHING, pack_levels as _pack_levels, pack_sides as _pack_sides, unpack
from tapefold.core.plain import check
from tapefold.units import scaled as _scaled

cdef extern from *:
    """
    #ifndef TAPEFOLD_SOURCE
    #define TAPEFOLD_SOURCE ""
    #endif
    """
    const char* TAPEFOLD_SOURCE

SOURCE = TAPEFOLD_SOURCE.decode()  # the sha256 of this file as it was built: hatch_build.py

cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object)
    void* PyUnicode_DATA(object)

cdef enum:
    DIGITS_MAX = 18  # 10**18 is below 2**63: a number of no more digits needs no check of its size
    FEW = 256  # levels that need no memory of their own
    FIELDS_MAX = 16  # of a message
    INSTRUMENTS_MAX = 4096  # events of instruments with higher numbers are the definition's
    SLOTS_MIN = 64

cdef int64_t TEN[19]
cdef int _n
TEN[0] = 1
for _n in range(1, 19):
    TEN[_n] = TEN[_n - 1] * 10


# Numbers


cdef const uint8_t* number(
    const uint8_t* at, const uint8_t* end, Py_ssize_t digits, int64_t* value
) noexcept nogil:
    """Read a plain decimal number in a scale. Where it ends; NULL where it is the definition's."""
    cdef const uint8_t* start = at
    cdef uint64_t whole = 0
    cdef Py_ssize_t places = 0
    at = digits_of(at, end, &whole)
    if at == start or at - start + digits > DIGITS_MAX:
        return NULL
    if at < end and at[0] == c".":
        start = at + 1
        if 0 < digits < 9 and end - start >= 8 and eight(start, digits, &whole):
            at = start + 8
            places = digits
        else:
            at = digits_of(start, start + digits if end - start > digits else end, &whole)
            places = at - start
        if places == digits:  # whatever follows must be zero
            while at < end and at[0] == c"0":
                at += 1
            if at < end and is_digit(at[0]):
                return NULL  # too fine
        if at == start or at - start > digits + 63:  # with so many zeros it is no number either
            return NULL
    value[0] = <int64_t>whole * TEN[digits - places]
    return at


cdef inline bint is_digit(uint8_t letter) noexcept nogil:
    return <uint8_t>(letter - 48) <= 9


cdef inline bint eight(const uint8_t* at, Py_ssize_t digits, uint64_t* whole) noexcept nogil:
    """Read eight decimals at once, of which all past *digits* are zero: how an exchange's crypto is printed.

    False where they are not so, and nothing was done. A byte holds a digit, the first the lowest byte.
    """
    cdef uint64_t decimals = (
        <uint64_t>at[0] | <uint64_t>at[1] << 8 | <uint64_t>at[2] << 16 | <uint64_t>at[3] << 24
        | <uint64_t>at[4] << 32 | <uint64_t>at[5] << 40 | <uint64_t>at[6] << 48 | <uint64_t>at[7] << 56
    )
    decimals ^= <uint64_t>0x3030303030303030  # of a digit its value is left
    if (decimals | decimals + <uint64_t>0x7676767676767676) & <uint64_t>0x8080808080808080:
        return False  # one of them is above 9
    if digits < 8 and decimals >> 8 * digits:
        return False
    decimals <<= 8 * (8 - digits)  # as many zeros before them: the value is that of eight digits
    decimals = decimals * 10 + (decimals >> 8)  # pairs, then fours, then all
    decimals = (
        (decimals & <uint64_t>0x000000FF000000FF) * <uint64_t>0x000F424000000064
        + (decimals >> 16 & <uint64_t>0x000000FF000000FF) * <uint64_t>0x0000271000000001
    ) >> 32
    whole[0] = whole[0] * <uint64_t>TEN[digits] + decimals
    return True


cdef inline const uint8_t* digits_of(
    const uint8_t* at, const uint8_t* end, uint64_t* whole
) noexcept nogil:
    """Read digits, behind those that were read already; too many make no sense of it, and no harm."""
    cdef uint64_t value = whole[0]
    while at < end and is_digit(at[0]):
        value = value * 10 + (at[0] - 48)
        at += 1
    whole[0] = value
    return at


def scaled(text, Py_ssize_t digits):
    """*text* as an int of 10**-digits: `tapefold.units.scaled`."""
    cdef int64_t value
    if 0 <= digits <= DIGITS_MAX and numeral(text, digits, &value):
        return value
    return _scaled(text, digits)


cdef inline bint numeral(text, Py_ssize_t digits, int64_t* value):
    """Read a Python text that is a number and nothing else. False where it is the definition's."""
    cdef const uint8_t* data
    cdef const uint8_t* end
    if not (isinstance(text, str) and PyUnicode_IS_COMPACT_ASCII(text)):
        return False
    data = <const uint8_t*>PyUnicode_DATA(text)
    end = data + PyUnicode_GET_LENGTH(text)
    return number(data, end, digits, value) == end


# Levels: two columns of ints, read from JSON or from msgpack, before anything is done with them


cdef struct Levels:
    int64_t* prices
    int64_t* sizes
    Py_ssize_t count
    Py_ssize_t room
    int64_t few[2 * FEW]


cdef void begin(Levels* levels) noexcept:
    levels.prices, levels.sizes = levels.few, levels.few + FEW
    levels.count, levels.room = 0, FEW


cdef int make_room(Levels* levels, Py_ssize_t room) except -1:
    """Room for so many."""
    cdef int64_t* wide
    if room <= levels.room:
        return 0
    wide = <int64_t*>PyMem_Malloc(2 * room * sizeof(int64_t))
    if wide == NULL:
        raise MemoryError
    memcpy(wide, levels.prices, levels.count * sizeof(int64_t))
    memcpy(wide + room, levels.sizes, levels.count * sizeof(int64_t))
    end(levels)
    levels.prices, levels.sizes, levels.room = wide, wide + room, room
    return 0


cdef void end(Levels* levels) noexcept:
    if levels.prices != levels.few:
        PyMem_Free(levels.prices)


cdef const uint8_t* from_json(
    const uint8_t* at, const uint8_t* stop, Py_ssize_t prices, Py_ssize_t sizes, Levels* levels
) except? NULL:
    """Read levels of `[["price","size"],...]` without a space. Where they end; NULL as `number`."""
    if stop - at < 2 or at[0] != c"[":
        return NULL
    at += 1
    if at[0] == c"]":
        return at + 1
    while True:
        if levels.count == levels.room:
            make_room(levels, 2 * levels.room)
        if stop - at < 2 or at[0] != c"[" or at[1] != c'"':
            return NULL
        at = number(at + 2, stop, prices, levels.prices + levels.count)
        if at == NULL or stop - at < 3 or at[0] != c'"' or at[1] != c"," or at[2] != c'"':
            return NULL
        at = number(at + 3, stop, sizes, levels.sizes + levels.count)
        if at == NULL or stop - at < 3 or at[0] != c'"' or at[1] != c"]":
            return NULL
        levels.count += 1
        if at[2] == c"]":
            return at + 3
        if at[2] != c",":
            return NULL
        at += 3


cdef Py_ssize_t width(uint64_t value) noexcept nogil:
    """Bytes that msgpack needs for an int."""
    if value < 1 << 7:
        return 1
    if value < 1 << 8:
        return 2
    if value < 1 << 16:
        return 3
    return 5 if value <= <uint64_t>0xFFFFFFFF else 9


cdef uint8_t* big(uint8_t* at, uint64_t value, Py_ssize_t count) noexcept nogil:
    """Write the lowest *count* bytes of a value, the highest of them first."""
    cdef Py_ssize_t n
    for n in range(count):
        at[n] = (value >> (8 * (count - 1 - n))) & 0xFF
    return at + count


cdef uint8_t* write_column(uint8_t* at, const int64_t* values, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t n, wide
    if count < 16:
        at[0] = 0x90 | count
        at += 1
    elif count < 1 << 16:
        at[0] = 0xDC
        at = big(at + 1, count, 2)
    else:
        at[0] = 0xDD
        at = big(at + 1, count, 4)
    for n in range(count):
        wide = width(values[n])
        if wide == 1:
            at[0] = values[n]
            at += 1
        else:
            at[0] = 0xCC if wide == 2 else 0xCD if wide == 3 else 0xCE if wide == 5 else 0xCF
            at = big(at + 1, values[n], wide - 1)
    return at


cdef bytes to_msgpack(const Levels* levels):
    cdef Py_ssize_t n, size = 1
    cdef uint8_t* at
    size += 2 * (1 if levels.count < 16 else 3 if levels.count < 1 << 16 else 5)
    for n in range(levels.count):
        size += width(levels.prices[n]) + width(levels.sizes[n])
    packed = PyBytes_FromStringAndSize(NULL, size)
    at = <uint8_t*>PyBytes_AS_STRING(packed)
    at[0] = 0x92
    at = write_column(at + 1, levels.prices, levels.count)
    write_column(at, levels.sizes, levels.count)
    return packed


def pack_levels(levels, Py_ssize_t price_digits, Py_ssize_t size_digits):
    """JSON `[["price", "size"], ...]` packed: `tapefold.core.levels.pack_levels`."""
    cdef Py_buffer view
    cdef Levels found
    cdef const uint8_t* at
    cdef bytes packed = None
    if not (0 <= price_digits <= DIGITS_MAX and 0 <= size_digits <= DIGITS_MAX):
        return _pack_levels(levels, price_digits, size_digits)
    PyObject_GetBuffer(levels, &view, PyBUF_SIMPLE)
    begin(&found)
    try:
        at = <const uint8_t*>view.buf
        if from_json(at, at + view.len, price_digits, size_digits, &found) == at + view.len:
            packed = to_msgpack(&found)
    finally:
        end(&found)
        PyBuffer_Release(&view)
    if packed is None:
        return _pack_levels(levels, price_digits, size_digits)
    return Raw(packed)


def pack_sides(bids, asks, Py_ssize_t price_digits, Py_ssize_t size_digits):
    """Both sides of a decoded message packed: `tapefold.core.levels.pack_sides`."""
    bid = ask = None
    if not (0 <= price_digits <= DIGITS_MAX and 0 <= size_digits <= DIGITS_MAX):
        return _pack_sides(bids, asks, price_digits, size_digits)
    if type(bids) is list and type(asks) is list:
        bid = from_texts(bids, price_digits, size_digits)
        ask = from_texts(asks, price_digits, size_digits)
    if bid is None or ask is None:
        return _pack_sides(bids, asks, price_digits, size_digits)
    return bid, ask


cdef object from_texts(list levels, Py_ssize_t prices, Py_ssize_t sizes):
    """One side packed; None where it is the definition's."""
    cdef Levels found
    cdef Py_ssize_t n
    cdef tuple row
    begin(&found)
    try:
        make_room(&found, len(levels))
        for n in range(len(levels)):
            if type(levels[n]) is not tuple or len(<tuple>levels[n]) != 2:
                return None
            row = levels[n]
            if not (
                numeral(row[0], prices, found.prices + n) and numeral(row[1], sizes, found.sizes + n)
            ):
                return None
            found.count += 1
        return Raw(to_msgpack(&found)) if found.count else NOTHING
    finally:
        end(&found)


# Messages: a flat JSON object in its plain spelling, read in one go


cdef enum Read:
    INTEGER
    PRICE
    SIZE
    FLAG
    LEVELS
    SYMBOL


cdef struct Field:
    char key[8]
    Py_ssize_t length
    Read kind


cdef struct Said:
    int64_t numbers[FIELDS_MAX]
    unsigned int seen  # which fields, a bit each
    Py_ssize_t digits[2]  # of prices, of sizes


KINDS = {
    "integer": INTEGER,
    "price": PRICE,
    "size": SIZE,
    "flag": FLAG,
    "levels": LEVELS,
    "symbol": SYMBOL,
}


cdef class Plain:
    """Reads the messages of one stream: `tapefold.core.plain.Plain`."""

    reads = True
    cdef bytes head, symbol  # the symbol as it stands there, in its quotes
    cdef str native
    cdef tuple made  # what it was made of
    cdef Field fields[FIELDS_MAX]
    cdef Py_ssize_t count
    cdef unsigned int needed
    cdef bint levels  # whether there are any among the fields

    def __init__(self, bytes head not None, str symbol not None, fields not None):
        cdef bytes spelled
        fields = dict(fields)
        check(symbol, fields)  # so there is room for each of them
        self.made = head, symbol, fields
        self.head, self.native, self.symbol = head, symbol, b'"%s"' % symbol.encode()
        self.count = self.needed = self.levels = 0
        for key, kind in fields.items():
            field = &self.fields[self.count]
            spelled = key.encode()
            memcpy(field.key, PyBytes_AS_STRING(spelled), len(spelled))
            field.length, field.kind = len(spelled), KINDS[kind.rstrip("?")]
            self.levels |= field.kind == LEVELS
            if not kind.endswith("?"):
                self.needed |= 1 << self.count
            self.count += 1

    def __reduce__(self):
        """So that who has one can be copied."""
        return Plain, self.made

    def read(self, data, Py_ssize_t price_digits, Py_ssize_t size_digits):
        """The values of a message, in the order of the fields; None where it is not so spelled."""
        cdef const uint8_t* at
        cdef const uint8_t* stop
        cdef Said said
        cdef list sides = [] if self.levels else None
        cdef Py_ssize_t length = len(self.head)
        if not isinstance(data, bytes):  # a class of its own is welcome: a binary frame is one
            return None
        at = <const uint8_t*>PyBytes_AS_STRING(data)
        stop = at + PyBytes_GET_SIZE(data)
        if stop - at < length or memcmp(at, PyBytes_AS_STRING(self.head), length):
            return None
        if not (0 <= price_digits <= DIGITS_MAX and 0 <= size_digits <= DIGITS_MAX):
            return None
        said.digits[0], said.digits[1], said.seen = price_digits, size_digits, 0
        at = self.take(at + length, stop, &said, sides)
        if at == NULL or stop - at != 1 or at[0] != c"}":
            return None
        return self.whole(&said, sides)

    cdef const uint8_t* take(
        self, const uint8_t* at, const uint8_t* stop, Said* said, list sides
    ) except? NULL:
        """Read an object. Where it ends; NULL where it is not so spelled."""
        cdef const uint8_t* key
        cdef Py_ssize_t n, guess = 0
        if at >= stop or at[0] != c"{":
            return NULL
        while True:  # at what stands before a key: a brace or a comma
            key = at + 2
            at = text(at + 1, stop)
            if at == NULL or at >= stop or at[0] != c":":
                return NULL
            n = self.named(key, at - key - 1, guess)
            if n < 0:
                at = scalar(at + 1, stop)
            elif said.seen >> n & 1:
                return NULL  # said twice
            else:
                at = self.value(n, at + 1, stop, said, sides)
                said.seen |= 1 << n
                guess = n + 1
            if at == NULL or at >= stop:
                return NULL
            if at[0] == c"}":
                return at + 1
            if at[0] != c",":
                return NULL

    cdef tuple whole(self, const Said* said, list sides):
        """What was said, if nothing is missing."""
        cdef Py_ssize_t n
        cdef tuple values
        cdef object value
        if self.needed & ~said.seen:
            return None
        values = PyTuple_New(self.count)
        for n in range(self.count):
            if not said.seen >> n & 1:
                value = 0
            elif self.fields[n].kind == LEVELS:
                value = sides[said.numbers[n]]
            elif self.fields[n].kind == SYMBOL:
                value = self.native
            elif self.fields[n].kind == FLAG:
                value = said.numbers[n] != 0
            else:
                value = said.numbers[n]
            Py_INCREF(value)
            PyTuple_SET_ITEM(values, n, value)
        return values

    cdef Py_ssize_t named(self, const uint8_t* key, Py_ssize_t length, Py_ssize_t guess) noexcept:
        """Which field has this key, -1 for none; looked for from where it should be."""
        cdef Py_ssize_t n, m
        for n in range(self.count):
            m = guess + n
            if m >= self.count:
                m -= self.count
            if self.fields[m].length != length or self.fields[m].key[0] != key[0]:
                continue
            if length == 1 or not memcmp(self.fields[m].key, key, length):
                return m
        return -1

    cdef const uint8_t* value(
        self, Py_ssize_t n, const uint8_t* at, const uint8_t* stop, Said* said, list sides
    ) except? NULL:
        """Read a field's value. Where it ends; NULL where it is not so spelled."""
        cdef Read kind = self.fields[n].kind
        cdef Levels levels
        if kind == INTEGER:
            return whole_number(at, stop, said.numbers + n)
        if kind == PRICE or kind == SIZE:
            return quoted(at, stop, said.digits[kind == SIZE], said.numbers + n)
        if kind == FLAG:
            return flag(at, stop, said.numbers + n)
        if kind == SYMBOL:
            return same(at, stop, self.symbol)
        begin(&levels)
        try:
            at = from_json(at, stop, said.digits[0], said.digits[1], &levels)
            if at != NULL:
                said.numbers[n] = len(sides)
                sides.append(NOTHING if levels.count == 0 else Raw(to_msgpack(&levels)))
        finally:
            end(&levels)
        return at


cdef const uint8_t* same(const uint8_t* at, const uint8_t* stop, bytes symbol) noexcept:
    """Look at a text. Where it ends; NULL where it is another one."""
    cdef Py_ssize_t length = len(symbol)
    if stop - at < length or memcmp(at, PyBytes_AS_STRING(symbol), length):
        return NULL
    return at + length


cdef const uint8_t* quoted(
    const uint8_t* at, const uint8_t* stop, Py_ssize_t digits, int64_t* value
) noexcept nogil:
    """Read a number that is a text. Where it ends; NULL as `number`."""
    if at >= stop or at[0] != c'"':
        return NULL
    at = number(at + 1, stop, digits, value)
    if at == NULL or at >= stop or at[0] != c'"':
        return NULL
    return at + 1


cdef const uint8_t* whole_number(
    const uint8_t* at, const uint8_t* stop, int64_t* value
) noexcept nogil:
    """Read an int of up to 15 digits: below every bound that an adapter sets. NULL for others."""
    cdef const uint8_t* start = at
    cdef int64_t whole = 0
    while at < stop and 48 <= at[0] <= 57 and at - start < 16:
        whole = whole * 10 + (at[0] - 48)
        at += 1
    if at == start or at - start > 15 or (start[0] == c"0" and at - start > 1):
        return NULL
    value[0] = whole
    return at


cdef const uint8_t* flag(const uint8_t* at, const uint8_t* stop, int64_t* value) noexcept nogil:
    """Read `true` or `false`."""
    if stop - at >= 4 and not memcmp(at, b"true", 4):
        value[0] = 1
        return at + 4
    if stop - at >= 5 and not memcmp(at, b"false", 5):
        value[0] = 0
        return at + 5
    return NULL


cdef const uint8_t* text(const uint8_t* at, const uint8_t* stop) noexcept nogil:
    """Look at a text of plain ASCII. Where it ends; NULL where it is spelled otherwise."""
    if at >= stop or at[0] != c'"':
        return NULL
    at += 1
    while at < stop and at[0] != c'"':
        if at[0] < 32 or at[0] > 126 or at[0] == c"\\":
            return NULL
        at += 1
    return at + 1 if at < stop else NULL


cdef const uint8_t* scalar(const uint8_t* at, const uint8_t* stop) noexcept nogil:
    """Look at a value that nobody reads: a plain text, an int, true or false. NULL for others."""
    cdef int64_t value
    cdef const uint8_t* after
    after = text(at, stop)
    if after == NULL:
        after = whole_number(at, stop, &value)
    if after == NULL:
        after = flag(at, stop, &value)
    return after


# Msgpack. What is not there (NULL) is not there after any of these either, so that they can be chained.


cdef inline const uint8_t* integer(
    const uint8_t* at, const uint8_t* stop, int64_t* value
) noexcept nogil:
    """Read an int that is not negative. Where it ends; NULL where it is the definition's."""
    if at == NULL or at >= stop:
        return NULL
    if at[0] < 0x80:
        value[0] = at[0]
        return at + 1
    if at[0] == 0xCD and stop - at > 2:
        value[0] = at[1] << 8 | at[2]
        return at + 3
    if at[0] == 0xCE and stop - at > 4:
        value[0] = four(at + 1)
        return at + 5
    if at[0] == 0xCC and stop - at > 1:
        value[0] = at[1]
        return at + 2
    if at[0] == 0xCF and stop - at > 8 and at[1] < 0x80:
        value[0] = four(at + 1) << 32 | four(at + 5)
        return at + 9
    return NULL


cdef inline int64_t four(const uint8_t* at) noexcept nogil:
    return <int64_t>at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3]


cdef const uint8_t* array(const uint8_t* at, const uint8_t* stop, Py_ssize_t* count) noexcept nogil:
    """Read an array's header. Where it ends; NULL where there is none."""
    cdef Py_ssize_t n, wide
    if at == NULL or at >= stop:
        return NULL
    if at[0] & 0xF0 == 0x90:
        count[0] = at[0] & 0x0F
        return at + 1
    if at[0] != 0xDC and at[0] != 0xDD:
        return NULL
    wide = 2 if at[0] == 0xDC else 4
    if stop - at <= wide:
        return NULL
    count[0] = 0
    for n in range(wide):
        count[0] = count[0] << 8 | at[1 + n]
    return at + 1 + wide


cdef const uint8_t* column(
    const uint8_t* at, const uint8_t* stop, int64_t* values, Py_ssize_t count
) noexcept nogil:
    """Read so many ints. Where they end, or NULL."""
    cdef Py_ssize_t n
    for n in range(count):
        at = integer(at, stop, values + n)
    return at


cdef const uint8_t* side(const uint8_t* at, const uint8_t* stop) noexcept nogil:
    """Look at a packed side. Where it ends; NULL where it is the definition's."""
    cdef Py_ssize_t prices, sizes
    if at == NULL or at >= stop or at[0] != 0x92:
        return NULL
    at = array(at + 1, stop, &prices)
    if at == NULL:
        return NULL
    at = array(passed_column(at, stop, prices), stop, &sizes)
    if at == NULL or sizes != prices:
        return NULL
    return passed_column(at, stop, sizes)


cdef const uint8_t* passed_column(
    const uint8_t* at, const uint8_t* stop, Py_ssize_t count
) noexcept nogil:
    """Look at so many ints, as `integer` reads them."""
    cdef Py_ssize_t wide
    while count:
        if at >= stop:
            return NULL
        wide = 1
        if 0xCC <= at[0] <= 0xCF:
            wide += 1 << (at[0] - 0xCC)
        elif at[0] >= 0x80:
            return NULL
        if stop - at < wide or (wide == 9 and at[1] >= 0x80):
            return NULL
        at += wide
        count -= 1
    return at


cdef const uint8_t* from_msgpack(const uint8_t* at, const uint8_t* stop, Levels* levels) except? NULL:
    """Read a packed side. Where it ends; NULL where it is the definition's."""
    cdef Py_ssize_t count, sizes
    if at >= stop or at[0] != 0x92:
        return NULL
    at = array(at + 1, stop, &count)
    if at == NULL or count > stop - at:  # each has a byte at least: no room for more than there are
        return NULL
    make_room(levels, count)
    at = column(at, stop, levels.prices, count)
    at = array(at, stop, &sizes)
    if at == NULL or sizes != count:
        return NULL
    levels.count = count
    return column(at, stop, levels.sizes, count)


# One side of a book


cdef enum:
    ON_HEAP = 0
    FORGOTTEN = -1


# Of this process: nobody outside can choose prices that all want one slot. What a half gives does not
# depend on where its levels are, so no result depends on this.
cdef uint64_t SECRET = <uint64_t><int64_t>hash("tapefold")


cdef struct Slot:
    int64_t price  # -1: nobody's slot
    int64_t size  # ON_HEAP: no level any more; FORGOTTEN: and not on the heap either


cdef class Half:
    """One side of a book: `tapefold.core.half.Half`.

    A hash with open addressing, and a heap of the prices in it. A price that is removed keeps its slot
    until all slots are made anew, and its place on the heap until it comes to the top.
    """

    cdef readonly int sign
    cdef Slot* slots
    cdef int64_t* heap
    cdef Py_ssize_t mask, shift, live, taken, heaped
    cdef tuple last  # what `best` gave: most frames do not change it
    cdef int64_t last_price, last_size

    def __cinit__(self, int sign):
        self.sign = sign
        self.slots, self.heap = NULL, NULL
        self.allot(SLOTS_MIN)

    def __dealloc__(self):
        PyMem_Free(self.slots)
        PyMem_Free(self.heap)

    def __reduce__(self):
        """So that a book can be copied."""
        return _half, (self.sign, self.levels)

    def __len__(self):
        return self.live

    @property
    def levels(self):
        """A copy: each price and its size, best first."""
        return dict(self.sorted())

    def apply(self, packed):
        """Set each level; zero removes it. Raises `ValueError`, and has done nothing then."""
        cdef Py_buffer view
        cdef Levels found
        cdef const uint8_t* at
        cdef const uint8_t* stop
        cdef bint plain
        PyObject_GetBuffer(packed, &view, PyBUF_SIMPLE)
        begin(&found)
        try:
            at = <const uint8_t*>view.buf
            stop = at + view.len
            plain = from_msgpack(at, stop, &found) == stop
            if plain:
                self.take(&found)
        finally:
            end(&found)
            PyBuffer_Release(&view)
        if not plain:
            for price, size in zip(*unpack(packed), strict=True):
                self.put(price, size)
            self.tidy()

    def replace(self, levels not None):
        """These levels and no others: ints of 63 bits, no size zero."""
        self.allot(SLOTS_MIN)
        for price, size in levels.items():
            self.put(price, size)

    def rescale(self, price, size):
        """Every price and every size times so much; the caller has seen that 63 bits hold it."""
        self.replace({p * price: s * size for p, s in self.sorted()})

    def best(self):
        """The best price and its size; None for an empty side."""
        cdef Slot* top = self.top()
        if top == NULL:
            return None
        if self.last is None or self.last_price != top.price or self.last_size != top.size:
            self.last_price, self.last_size = top.price, top.size
            self.last = (top.price, top.size)
        return self.last

    def sorted(self):
        """Best first."""
        cdef Py_ssize_t n
        rows = []
        for n in range(self.mask + 1):
            if self.slots[n].size > 0:
                rows.append((self.slots[n].price, self.slots[n].size))
        rows.sort(reverse=self.sign < 0)
        return rows

    def largest(self):
        """The largest price and the largest size."""
        cdef int64_t price = 0, size = 0
        cdef Py_ssize_t n
        for n in range(self.mask + 1):
            if self.slots[n].size > 0:
                price = max(price, self.slots[n].price)
                size = max(size, self.slots[n].size)
        return price, size

    cdef int take(self, const Levels* levels) except -1:
        """Set each of these."""
        cdef Py_ssize_t n
        for n in range(levels.count):
            self.put(levels.prices[n], levels.sizes[n])
        return self.tidy()

    cdef int tidy(self) except -1:
        """Forget what was removed, where that has become most of what there is."""
        if self.taken > 4 * self.live + SLOTS_MIN:
            self.rebuild()
        return 0

    cdef int put(self, int64_t price, int64_t size) except -1:
        cdef Slot* slot = self.slot(price)
        if size == 0:
            if slot.size > 0:
                slot.size = ON_HEAP
                self.live -= 1
            return 0
        if slot.size > 0:
            slot.size = size
            return 0
        if slot.price < 0:
            if 2 * self.taken >= self.mask:  # first, so that a table that cannot grow is never full
                self.rebuild()
                slot = self.slot(price)
            slot.price = price
            self.taken += 1
        self.live += 1
        if slot.size == FORGOTTEN:
            self.push(self.sign * price)
        slot.size = size
        return 0

    cdef Slot* slot(self, int64_t price) noexcept:
        """The slot of a price, or the one that it would get."""
        cdef uint64_t mixed = <uint64_t>price ^ SECRET
        cdef Py_ssize_t at
        mixed = (mixed ^ mixed >> 32) * <uint64_t>0xFF51AFD7ED558CCD
        at = (mixed ^ mixed >> 32) * <uint64_t>0x9E3779B97F4A7C15 >> self.shift
        while self.slots[at].price != price and self.slots[at].price >= 0:
            at = (at + 1) & self.mask
        return self.slots + at

    cdef Slot* top(self) noexcept:
        """The slot of the best price; what was removed leaves the heap here."""
        cdef Slot* slot
        while self.heaped:
            slot = self.slot(self.sign * self.heap[0])
            if slot.size > 0:
                return slot
            slot.size = FORGOTTEN
            self.heaped -= 1
            self.sink(0, self.heap[self.heaped])
        return NULL

    cdef void push(self, int64_t key) noexcept:
        """Onto the heap, which has room for a key of each slot."""
        cdef Py_ssize_t at = self.heaped, above
        self.heaped += 1
        while at:
            above = (at - 1) >> 1
            if self.heap[above] <= key:
                break
            self.heap[at] = self.heap[above]
            at = above
        self.heap[at] = key

    cdef void sink(self, Py_ssize_t at, int64_t key) noexcept:
        """Let a key fall into the heap from a place that is free."""
        cdef Py_ssize_t below = 2 * at + 1
        while below < self.heaped:
            if below + 1 < self.heaped and self.heap[below + 1] < self.heap[below]:
                below += 1
            if key <= self.heap[below]:
                break
            self.heap[at] = self.heap[below]
            at, below = below, 2 * below + 1
        self.heap[at] = key

    cdef int rebuild(self) except -1:
        """Slots for what lives, and as many again three times over."""
        cdef Slot* old = self.slots
        cdef Py_ssize_t n, count = self.mask + 1, room = SLOTS_MIN
        while room < 4 * self.live:
            room *= 2
        self.slots = NULL
        try:
            self.allot(room)
        except MemoryError:
            self.slots = old
            raise
        for n in range(count):
            if old[n].size > 0:
                self.put(old[n].price, old[n].size)
        PyMem_Free(old)
        return 0

    cdef int allot(self, Py_ssize_t room) except -1:
        """So many slots, all of them nobody's."""
        cdef Slot* slots = <Slot*>PyMem_Malloc(room * sizeof(Slot))
        cdef int64_t* heap = <int64_t*>PyMem_Malloc(room * sizeof(int64_t))
        cdef Py_ssize_t n
        if slots == NULL or heap == NULL:
            PyMem_Free(slots)
            PyMem_Free(heap)
            raise MemoryError
        for n in range(room):
            slots[n].price, slots[n].size = -1, FORGOTTEN
        PyMem_Free(self.slots)
        PyMem_Free(self.heap)
        self.slots, self.heap = slots, heap
        self.mask, self.shift = room - 1, 64
        self.live = self.taken = self.heaped = 0
        while room > 1:
            room >>= 1
            self.shift -= 1
        return 0


def _half(int sign, dict levels):
    half = Half(sign)
    half.replace(levels)
    return half


# Events


cdef enum Kind:
    OTHER
    QUOTE
    TRADE
    DELTA


cdef struct Seen:
    Kind kind
    int64_t instrument
    int64_t sequence
    Py_ssize_t start  # in the body
    Py_ssize_t stop
    Py_ssize_t bids  # of a delta, where its sides begin
    Py_ssize_t asks


cdef const uint8_t* signed(const uint8_t* at, const uint8_t* stop) noexcept nogil:
    """Look at an int of any sign. Where it ends; NULL where it is something else, or too large."""
    cdef int64_t value
    if at == NULL or at >= stop:
        return NULL
    if at[0] >= 0xE0:
        return at + 1
    if 0xD0 <= at[0] <= 0xD3:
        at += 1 + (1 << (at[0] - 0xD0))
        return at if at <= stop else NULL
    return integer(at, stop, &value)


cdef const uint8_t* signeds(const uint8_t* at, const uint8_t* stop, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t n
    for n in range(count):
        at = signed(at, stop)
    return at


cdef const uint8_t* word(const uint8_t* at, const uint8_t* stop, const char* text) noexcept nogil:
    """Look at a short text. Where it ends if it is this one, else NULL. *text* begins with its header."""
    cdef Py_ssize_t length = 1 + (<uint8_t>text[0] & 0x1F)
    if at == NULL or stop - at < length or memcmp(at, text, length):
        return NULL
    return at + length


cdef const uint8_t* ascii(const uint8_t* at, const uint8_t* stop) noexcept nogil:
    """Look at a text of up to 31 characters of ASCII. Where it ends; NULL where it is something else."""
    cdef Py_ssize_t length
    if at == NULL or at >= stop or at[0] & 0xE0 != 0xA0:
        return NULL
    length = at[0] & 0x1F
    at += 1
    if stop - at < length:
        return NULL
    while length:
        if at[0] > 127:
            return NULL
        at += 1
        length -= 1
    return at


cdef const uint8_t* passed(const uint8_t* at, const uint8_t* stop) noexcept nogil:
    """Where a value of any kind ends; NULL where that is the definition's to say."""
    cdef int64_t left = 1, values, length
    cdef Py_ssize_t n, wide
    cdef uint8_t head
    while left:
        if at >= stop:
            return NULL
        head = at[0]
        at += 1
        wide = length_of_length(head)
        if stop - at < wide:
            return NULL
        length = 0
        for n in range(wide):
            length = length << 8 | at[n]
        at += wide
        values = 0  # that are in this one; *length* is bytes from here on
        if 0x80 <= head <= 0x8F or head >= 0xDE and head <= 0xDF:
            values, length = 2 * (head & 0x0F if head <= 0x8F else length), 0
        elif 0x90 <= head <= 0x9F or 0xDC <= head <= 0xDD:
            values, length = head & 0x0F if head <= 0x9F else length, 0
        elif 0xA0 <= head <= 0xBF:
            length = head & 0x1F
        elif 0xCA <= head <= 0xCB:
            length = 4 if head == 0xCA else 8
        elif 0xCC <= head <= 0xD3:
            length = 1 << ((head - 0xCC) & 3)
        elif head == 0xC1 or 0xC7 <= head <= 0xC9 or 0xD4 <= head <= 0xD8:
            return NULL  # no kind at all, or an extension: no event has any
        if stop - at < length:
            return NULL
        at += length
        left += values - 1
    return at


cdef Py_ssize_t length_of_length(uint8_t head) noexcept nogil:
    """In how many bytes behind its head a value says how long it is."""
    if head == 0xC4 or head == 0xD9:
        return 1
    if head == 0xC5 or head == 0xDA or head == 0xDC or head == 0xDE:
        return 2
    if head == 0xC6 or head == 0xDB or head == 0xDD or head == 0xDF:
        return 4
    return 0


cdef const uint8_t* quote(const uint8_t* at, const uint8_t* stop, Seen* seen) noexcept nogil:
    """Look at a `Quote`. Where it ends; NULL where it is something else or unusual."""
    at = word(at, stop, b"\xa5quote")
    at = integer(at, stop, &seen.instrument)
    seen.kind = QUOTE
    return signeds(at, stop, 7)


cdef const uint8_t* trade(const uint8_t* at, const uint8_t* stop, Seen* seen) noexcept nogil:
    """Look at a `Trade`. Where it ends; NULL where it is something else or unusual."""
    cdef const uint8_t* taker
    at = word(at, stop, b"\xa5trade")
    at = integer(at, stop, &seen.instrument)
    at = signeds(at, stop, 2)
    at = ascii(at, stop)
    at = signeds(at, stop, 2)
    seen.kind = TRADE
    taker = word(at, stop, b"\xa3buy")
    if taker == NULL:
        taker = word(at, stop, b"\xa4sell")
    if taker == NULL:
        taker = word(at, stop, b"\xa0")
    return taker


cdef const uint8_t* delta(
    const uint8_t* body, const uint8_t* at, const uint8_t* stop, Seen* seen
) noexcept nogil:
    """Look at a `BookDelta`. Where it ends; NULL where it is something else or unusual."""
    at = word(at, stop, b"\xaabook_delta")
    at = integer(at, stop, &seen.instrument)
    at = signeds(at, stop, 4)
    at = integer(at, stop, &seen.sequence)
    if at == NULL:
        return NULL
    seen.kind, seen.bids = DELTA, at - body
    at = side(at, stop)
    if at == NULL:
        return NULL
    seen.asks = at - body
    return side(at, stop)


cdef const uint8_t* event(
    const uint8_t* body, const uint8_t* at, const uint8_t* stop, Seen* seen
) noexcept nogil:
    """Look at the event that begins here. Where it ends; NULL where there is none."""
    cdef const uint8_t* after = NULL
    if at < stop and at[0] == 0x99:
        after = quote(at + 1, stop, seen)
        if after == NULL:
            after = delta(body, at + 1, stop, seen)
    elif at < stop and at[0] == 0x98:
        after = trade(at + 1, stop, seen)
    if after == NULL or seen.instrument >= INSTRUMENTS_MAX:
        seen.kind = OTHER
        after = passed(at, stop)
    if after != NULL:
        seen.start, seen.stop = at - body, after - body
    return after


cdef class Events:
    """The events of a body as far as they were looked at, and all others as what they are."""

    cdef bytes body
    cdef object decode
    cdef Seen* seen
    cdef Py_ssize_t count
    cdef list others

    def __cinit__(self, bytes body not None, Py_ssize_t count, decode):
        self.body, self.decode, self.count, self.others = body, decode, count, []
        self.seen = <Seen*>PyMem_Calloc(max(count, 1), sizeof(Seen))
        if self.seen == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self.seen)

    cdef bint look(self) except -1:
        """Whether there are so many events and nothing else. Raises what decoding the others does."""
        cdef const uint8_t* body = <const uint8_t*>PyBytes_AS_STRING(self.body)
        cdef const uint8_t* stop = body + len(self.body)
        cdef const uint8_t* at = body
        cdef Py_ssize_t n
        for n in range(self.count):
            at = event(body, at, stop, self.seen + n)
            if at == NULL:
                return False
            if self.seen[n].kind == OTHER:
                self.others.append(self.read(n))
        return at == stop

    cdef object read(self, Py_ssize_t n):
        """An event as what it is."""
        return self.decode(self.body[self.seen[n].start : self.seen[n].stop], 1)[0]


cdef class Fold:
    """Events taken into views. Of quotes and trades the last is enough, and how many there were."""

    cdef Events events
    cdef object views
    cdef dict books, markets, tallies

    def __init__(self, Events events, views):
        self.events, self.views = events, views
        self.books, self.markets, self.tallies = views.books, views.markets, {}

    cdef int run(self) except -1:
        cdef Py_ssize_t n, others = 0
        cdef object before = self.views.position
        for n in range(self.events.count):
            if self.events.seen[n].kind != OTHER and self.take(n):
                continue
            self.settle()
            self.views.position = before + n
            if self.events.seen[n].kind == OTHER:
                self.views.apply(self.events.others[others])
                others += 1
            else:
                self.views.apply(self.events.read(n))
        self.settle()
        self.views.position = before + self.events.count
        return 0

    cdef bint take(self, Py_ssize_t n) except -1:
        """Take a usual event in; False where it is the definition's after all."""
        cdef Seen* seen = self.events.seen + n
        cdef Tally tally = self.tallies.get(seen.instrument)
        if tally is None:
            if seen.instrument not in self.markets:
                return False
            tally = Tally(self.books[seen.instrument])
            self.tallies[seen.instrument] = tally
        if seen.kind == DELTA:
            return tally.delta(self.events.body, seen)
        if seen.kind == QUOTE:
            tally.quotes += 1
            tally.quote = n
        else:
            tally.trades += 1
            tally.trade = n
        return True

    cdef int settle(self) except -1:
        """Say in the views what was taken in so far."""
        cdef Tally tally
        for instrument, tally in self.tallies.items():
            market = self.markets[instrument]
            if tally.quotes:
                market.quotes += tally.quotes
                market.quote = self.events.read(tally.quote)
            if tally.trades:
                market.trades += tally.trades
                market.trade = self.events.read(tally.trade)
            if tally.deltas:
                tally.book.updates += tally.deltas
                tally.book.sequence = tally.sequence
        self.tallies = {}
        return 0


cdef class Tally:
    """Of one instrument, what was taken in and not yet said in the views."""

    cdef object book
    cdef Half bids, asks
    cdef Py_ssize_t quotes, quote, trades, trade, deltas
    cdef int64_t sequence

    def __init__(self, book):
        self.book = book
        if book.state == "live" and type(book.bids) is Half and type(book.asks) is Half:
            self.bids, self.asks = book.bids, book.asks

    cdef bint delta(self, bytes body, const Seen* seen) except -1:
        """Take a delta in; False where there is no live book to change."""
        cdef const uint8_t* data = <const uint8_t*>PyBytes_AS_STRING(body)
        if self.bids is None:
            return False
        change(self.bids, data + seen.bids, data + seen.asks)
        change(self.asks, data + seen.asks, data + seen.stop)
        self.deltas += 1
        self.sequence = seen.sequence
        return True


cdef int change(Half half, const uint8_t* at, const uint8_t* stop) except -1:
    """Apply a side that was looked at already."""
    cdef Levels found
    begin(&found)
    try:
        from_msgpack(at, stop, &found)
        return half.take(&found)
    finally:
        end(&found)


def fold_events(views, body not None, Py_ssize_t count, decode):
    """*count* events of *body* taken in: `tapefold.core.folding.fold_events`."""
    cdef Events events = None
    if type(body) is bytes and 0 < count <= len(body):
        events = Events(body, count, decode)
        if not events.look():
            events = None
    if events is None:
        views.apply_all(decode(body, count))
    else:
        Fold(events, views).run()
