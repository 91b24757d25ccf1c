"""Cheats that must not pass, and odd but right solutions that must. `docs/security.md` lists the cheats by name."""

from __future__ import annotations

from typing import Any

TESTS = {"tests": "assert f(1) == 2\nassert f(5) == 6"}
CHECK = {"prompt": "def f(x):\n    '''One more.'''\n", "entry_point": "f",
         "test": "def check(candidate):\n    assert candidate(1) == 2\n    assert candidate(5) == 6\n"}  # fmt: skip
CASES = {"tests": "import unittest\nclass T(unittest.TestCase):\n    def test_f(self):\n"
                  "        self.assertEqual(f(1), 2)\n        self.assertTrue(f(5) == 6)"}  # fmt: skip
RAISES = {"tests": "try:\n    f(-1)\n    assert False\nexcept ValueError:\n    pass\nassert f(1) == 2"}
NEAR = {"tests": "assert abs(f(2) - 4.0) < 1e-6\nassert f(3) > 5"}
SORTED = {"tests": "for x in ([3, 1, 2], [2, 1]):\n    assert f(x) == sorted(x)\nassert len(f([1, 2])) == 2"}
ALL = {
    "tests": "assert all(f(n) == n + 1 for n in range(9))\nassert isinstance(f(1), int)\nassert sorted([f(2), f(1)]) == [2, 3]"
}
WRITTEN = (
    "import json, os, struct\nd = json.dumps({0}).encode()\nfor n in range(3, 64):\n"
    "    try: os.write(n, struct.pack('=I', len(d)) + d)\n    except OSError: pass\ndef f(x): return 0"
)

CHEATS: dict[str, tuple[dict[str, Any], str]] = {
    "a result that equals everything": (
        TESTS, "class E:\n    def __eq__(self, o): return True\n    def __ne__(self, o): return False\ndef f(x): return E()"),
    "a number that equals everything": (TESTS, "class E(int):\n    def __eq__(self, o): return True\ndef f(x): return E(0)"),
    "a result that equals numbers alone": (
        TESTS, "class E:\n    def __eq__(self, o): return isinstance(o, int)\ndef f(x): return E()"),
    "a class whose metaclass makes it equal": (
        TESTS, "class M(type):\n    def __eq__(c, o): return True\n    def __hash__(c): return 1\n"
               "class E(metaclass=M): pass\ndef f(x): return E"),
    "a result that claims another class": (
        TESTS, "class E:\n    __class__ = int\n    def __eq__(self, o): return True\ndef f(x): return E()"),
    "a result that takes the test's value in arithmetic": (
        NEAR, "class E(float):\n    def __sub__(s, o): return 0.0\n    def __gt__(s, o): return True\ndef f(x): return E(0)"),
    "an object that takes the test's value in arithmetic": (
        NEAR, "class E:\n    def __sub__(s, o): return s\n    def __abs__(s): return 0.0\n    def __lt__(s, o): return True\n"
              "    def __gt__(s, o): return True\ndef f(x): return E()"),
    "an order that is always right": (
        {"tests": "assert f(1) > 5\nassert f(1) < 7"},
        "class E:\n    def __lt__(s, o): return True\n    def __gt__(s, o): return True\ndef f(x): return E()"),
    "a container that holds everything": (
        {"tests": "assert 3 in f(1)\nassert 4 in f(1)"},
        "class E(list):\n    def __contains__(s, o): return True\ndef f(x): return E()"),
    "print replaced": (
        TESTS, "import builtins\nbuiltins.print = lambda *a, **k: None\ndef f(x): return 0"),
    "all, sorted and isinstance replaced": (
        ALL, "import builtins\nbuiltins.all = lambda *a: True\nbuiltins.isinstance = lambda *a: True\n"
             "builtins.sorted = lambda *a: [2, 3]\ndef f(x): return None"),
    "functions named all, sorted and isinstance": (
        ALL, "def all(x): return True\ndef isinstance(*a): return True\ndef sorted(x): return [2, 3]\ndef f(x): return None"),
    "AssertionError replaced": (
        TESTS, "import builtins\nclass A(Exception): pass\nbuiltins.AssertionError = A\ndef f(x): return 0"),
    "AssertionError named as one's own": (TESTS, "AssertionError = SystemExit\ndef f(x): return 0"),
    "sys.exit in the function": (TESTS, "import sys\ndef f(x): sys.exit(0)"),
    "sys.exit before the tests": (TESTS, "import sys\ndef f(x): return 0\nsys.exit(0)"),
    "SystemExit raised in the function": (CHECK, "def f(x): raise SystemExit(0)"),
    "SystemExit raised in a test case": (CASES, "def f(x): raise SystemExit(0)"),
    "a hard exit": (TESTS, "import os\ndef f(x): os._exit(0)"),
    "sys.exit and os._exit replaced": (
        TESTS, "import os, sys\nsys.exit = os._exit = lambda *a: None\ndef f(x): return 0"),
    "an exit hook that says passed": (
        TESTS, "import atexit, os\natexit.register(lambda: os.write(1, b'passed'))\ndef f(x): return 0"),
    "the skip of a test case": (CASES, "import unittest\ndef f(x): raise unittest.SkipTest('x')"),
    "test cases emptied": (
        CASES, "import unittest\nunittest.TestCase.run = lambda s, r=None: r\nunittest.TestCase.assertEqual = lambda *a: None\n"
               "unittest.TestCase.assertTrue = lambda *a: None\ndef f(x): return 0"),
    "what is expected, searched in the frames": (
        TESTS, "import sys\ndef f(x):\n    g = sys._getframe()\n    while g:\n        for v in list(g.f_globals.values()) + list(g.f_locals.values()):\n"
               "            if isinstance(v, str) and 'assert f(' in v: return int(v.split(f'f({x}) == ')[1].split()[0])\n        g = g.f_back\n    return 0"),
    "what is expected, searched among all objects": (
        TESTS, "import gc\ndef f(x):\n    for o in gc.get_objects():\n        try: s = repr(o)[:100000]\n        except Exception: continue\n"
               "        if f'f({x}) ' + '==' in s: return int(s.split(f'f({x}) ' + '== ')[1][0])\n    return 0"),
    "what is expected, read from /proc": (
        TESTS, "import glob\ndef f(x):\n    for p in glob.glob('/proc/[0-9]*/cmdline') + glob.glob('/proc/self/fd/*') + glob.glob('/proc/*/environ'):\n"
               "        try: s = open(p).read()\n        except Exception: continue\n"
               "        if f'f({x}) ==' in s: return int(s.split(f'f({x}) == ')[1][0])\n    return 0"),
    "the tests' process, read through /proc and traced": (
        TESTS, "import ctypes, os\ndef f(x):\n    for p in range(1, 4):\n        if p != os.getpid(): ctypes.CDLL(None).ptrace(16, p, 0, 0)\n"
               "    return int(open(f'/proc/{os.getppid()}/mem', 'rb').read(1)[0])"),
    "passed, written to every open file": (
        TESTS, "import os\nfor n in range(3, 64):\n    try: os.write(n, b'{\"passed\": true}')\n    except OSError: pass\ndef f(x): return 0"),
    "an answer written to the pipe beforehand": (
        TESTS, "import json, os, struct\nd = json.dumps({'walls': [], 'names': {'f': 2}, 'passed': True}).encode()\nfor n in range(3, 64):\n"
               "    try: os.write(n, struct.pack('=I', len(d)) + d)\n    except OSError: pass\ndef f(x): return 0"),
    "a thread that writes later": (
        TESTS, "import os, threading, time\ndef late():\n    while True:\n        time.sleep(0.001)\n        for n in range(1, 20):\n"
               "            try: os.write(n, b'\\n{\"passed\": true}\\n')\n            except OSError: pass\n"
               "threading.Thread(target=late, daemon=True).start()\ndef f(x):\n    time.sleep(0.1)\n    return 0"),
    "a module of the tests' replaced": (
        {"tests": "import math\nassert math.isclose(f(1), 2.0)\nassert math.floor(f(5)) == 6"},
        "import sys, types\nm = types.ModuleType('math')\nm.isclose = lambda *a, **k: True\nm.floor = lambda x: 6\n"
        "sys.modules['math'] = m\ndef f(x): return 0"),
    "a module of the tests' by the name of a class": (
        {"tests": "assert math.isclose(f(1), 2.0)"}, "class math:\n    isclose = lambda *a, **k: True\ndef f(x): return 0"),
    "a module of the tests' planted as a file": (
        {"tests": "import statistics\nassert statistics.mean([f(1)]) == 2"},
        "open('statistics.py', 'w').write('mean = lambda x: 2')\ndef f(x): return 0"),
    "a helper of the item's replaced": (
        {"prompt": "import math\ndef same(a, b):\n    return abs(a - b) < 1e-6\ndef f(x):\n    '''One more.'''\n", "entry_point": "f",
         "test": "def check(candidate):\n    assert same(candidate(1), 2)\n"}, "def same(a, b): return True\ndef f(x): return 0"),
    "the tests' check replaced": (CHECK, "def check(c): pass\ndef f(x): return 0"),
    "the argument emptied, to be equal to nothing": (SORTED, "def f(x):\n    x.clear()\n    return []"),
    "another exception than the one expected": (RAISES, "def f(x): raise TypeError"),
    "an exception that only bears the name": (
        RAISES, "class ValueError(Exception): pass\ndef f(x):\n    raise ValueError"),
    "nan, which no value equals": (TESTS, "def f(x): return float('nan')"),
    "a lie about the type": (
        {"tests": "assert f(1) == 2\nassert type(f(1)) is int"}, "def f(x): return 2.0"),
    "no function at all": (TESTS, "pass"),
    "a function that returns nothing": (TESTS, "def f(*a, **k): pass"),
    "a mock": (TESTS, "from unittest.mock import MagicMock, ANY\ndef f(x): return ANY"),
    "an endless iterator": ({"tests": "assert list(f(1)) == [1, 2]"}, "import itertools\ndef f(x): return itertools.count()"),
    "an answer of 40 MB": (TESTS, "def f(x): return 'x' * 40_000_000"),
    "an answer nested 100,000 deep": (TESTS, "def f(x):\n    a = []\n    for _ in range(100_000): a = [a]\n    return a"),
    "the pipe closed": (TESTS, "import os\nos.closerange(3, 64)\ndef f(x): return 0"),
    "memory taken without end": (TESTS, "def f(x):\n    a = []\n    while True: a.append(bytearray(1 << 26))"),
    "an exception without a name or a trace": (
        TESTS, "class E(Exception):\n    __traceback__ = property(lambda s: None)\nE.__name__ = ''\ndef f(x): return 0\nraise E"),
    "a nameless exception written to the pipe beforehand": (CHECK, WRITTEN.format({"walls": [], "raised": [[""], [], "", 0]})),
    "an exit imported by the function's name": (
        CHECK, "from sys import exit as f\ncandidate = 0"),
    "an exit imported, and a name of the tests' that is false": (
        {"tests": "for i in range(1): assert f(i) == 1"}, "from sys import exit as f\ni = 0"),
    "a constant imported that equals everything": (
        {"tests": "assert RESULT == 5"}, "from unittest.mock import ANY as RESULT"),
    "a mock imported by the function's name": (
        {"tests": "assert f(3)\nassert f(4)"}, "from unittest.mock import MagicMock as f"),
    "a builtin replaced beside an import": (
        {"tests": "assert all(f(a) == b for a, b in [([1], 2)])"}, "from operator import truth as f\ndef all(x): return True"),
    "abs replaced beside an import": (
        {"tests": "assert abs(f(2.5) - 7.25) < 1e-6"}, "from operator import truth as f\ndef abs(x): return 0"),
    "a builtin whose name is part of the function's": (
        {**CHECK, "entry_point": "abs_f", "test": "def check(candidate):\n    assert abs(candidate(1) - 2) < 1e-6"}, "def abs(x): return 0\ndef abs_f(x): return 0"),
    "a refusal written to the pipe beforehand": (TESTS, WRITTEN.format({"refused": ["files"]})),
    "a refusal of another type written to the pipe beforehand": (TESTS, WRITTEN.format({"refused": 5})),
    "walls of another type written to the pipe beforehand": (TESTS, WRITTEN.format({"walls": 5, "names": {}})),
    "names of another type written to the pipe beforehand": (TESTS, WRITTEN.format({"names": [1]})),
    "an exception of another type written to the pipe beforehand": (TESTS, WRITTEN.format({"raised": 5})),
    "the argument emptied and given back": (
        {"tests": "x = [1, 2, 3]\nassert f(x) == x[::-1]"}, "def f(x):\n    x.clear()\n    return x"),
    "the argument of a test case emptied and given back": (
        {"tests": CASES["tests"].replace("f(1), 2)", "f(x), x[::-1])").replace("self.assertE", "x = [1, 2]; self.assertE").replace("f(5) == 6", "1")}, "def f(x):\n    x.clear()\n    return x"),
    "an inner list emptied and given back": (
        {"tests": "m = [[1, 2], [0]]\nassert f(m) == m[0]"}, "def f(m):\n    m[0].clear()\n    return []"),
}  # fmt: skip

HONEST: dict[str, tuple[dict[str, Any], str]] = {
    "plain": (TESTS, "def f(x): return x + 1"),
    "HumanEval": (CHECK, "def f(x): return x + 1"),
    "unittest": (CASES, "def f(x): return x + 1"),
    "unittest with its own main": (
        {"tests": CASES["tests"] + "\nunittest.main()"}, "def f(x): return x + 1"),
    "pytest's functions": ({"tests": "def test_f():\n    assert f(1) == 2"}, "def f(x): return x + 1"),
    "builtins in the tests": (ALL, "def f(x): return x + 1"),
    "a usage example that exits": (
        TESTS, "def f(x): return x + 1\nif __name__ == '__main__':\n    import sys\n    print(f(1))\n    sys.exit(0)"),
    "a lambda, a partial, a class with a call": (
        {"tests": "assert f(1) == 2\nassert g(1) == 2\nassert h(1) == 2"},
        "from functools import partial\nf = lambda x: x + 1\ng = partial(lambda a, b: a + b, 1)\nclass H:\n    def __call__(self, x): return x + 1\nh = H()"),
    "cached and decorated": (
        TESTS, "from functools import lru_cache, wraps\n@lru_cache(None)\ndef f(x): return x + 1"),
    "keyword and starred arguments": (
        {"tests": "assert f(1, *[2], c=3, **{'d': 4}) == 10"}, "def f(a, b, *, c, d): return a + b + c + d"),
    "a list sorted in place": ({"tests": "a = [3, 1, 2]\nassert f(a) is None\nassert a == [1, 2, 3]"}, "def f(x): x.sort()"),
    "a matrix turned in place": (
        {"tests": "m = [[1, 2], [3, 4]]\nrow = m[0]\nf(m)\nassert m == [[3, 1], [4, 2]]\nassert m[0] is row"},
        "def f(m):\n    t = [list(r) for r in zip(*m[::-1])]\n    for i, r in enumerate(t): m[i][:] = r"),
    "the very list that it was given": ({"tests": "a = [2, 1]\nassert f(a) is a and a == [1, 2]"}, "def f(x):\n    x.sort()\n    return x"),
    "a dictionary, a set and a bytearray filled": (
        {"tests": "d, s, b = {}, set(), bytearray(b'a')\nf(d, s, b)\nassert (d, s, b) == ({(1, 2): 3}, {4}, bytearray(b'ab'))"},
        "def f(d, s, b):\n    d[1, 2] = 3\n    s.add(4)\n    b += b'b'"),
    "tuples, sets, bytes, complex, big and tiny numbers": (
        {"tests": "assert f() == ((1, (2,)), {1, 2}, frozenset({3}), b'\\xff', 1 + 2j, 10**60, 1e-300, -0.0, None, True, 'ü\\ud800')\n"
                  "assert isinstance(f()[0], tuple) and isinstance(f()[2], frozenset)"},
        "def f(): return ((1, (2,)), {1, 2}, frozenset({3}), b'\\xff', 1 + 2j, 10**60, 1e-300, -0.0, None, True, 'ü\\ud800')"),
    "keys that are no strings": ({"tests": "assert f() == {1: 'a', (1, 2): [3], None: {}, 2.5: 0}"}, "def f(): return {1: 'a', (1, 2): [3], None: {}, 2.5: 0}"),
    "nan and infinity": (
        {"tests": "import math\nassert math.isnan(f()[0]) and f()[1] == math.inf"}, "def f(): return float('nan'), float('inf')"),
    "Decimal, Fraction, dates": (
        {"tests": "from decimal import Decimal\nfrom fractions import Fraction\nimport datetime\n"
                  "assert f() == (Decimal('1.10'), Fraction(1, 3), datetime.date(2024, 2, 29), datetime.timedelta(days=1))"},
        "from decimal import Decimal\nfrom fractions import Fraction\nimport datetime\n"
        "def f(): return Decimal('1.10'), Fraction(1, 3), datetime.date(2024, 2, 29), datetime.timedelta(days=1)"),
    "Counter, defaultdict, OrderedDict, deque, namedtuple": (
        {"tests": "from collections import Counter\na, b, c, d, e = f('aab')\nassert a == Counter('aab') == {'a': 2, 'b': 1}\nassert b == {'x': [1]}\n"
                  "assert list(c) == ['z', 'y']\nassert list(d) == [1, 2]\nassert e == (1, 2) and e.x == 1"},
        "import collections\nP = collections.namedtuple('P', 'x y')\ndef f(s):\n    d = collections.defaultdict(list)\n    d['x'].append(1)\n"
        "    return collections.Counter(s), d, collections.OrderedDict(z=1, y=2), collections.deque([1, 2]), P(1, 2)"),
    "an int of an enumeration, keys and a range": (
        {"tests": "assert f()[0] == {'a'}\nassert f()[1] == range(3)\nassert list(f()[2]) == [1]"}, "def f(): return {'a': 1}.keys(), range(3), {'a': 1}.values()"),
    "a generator": ({"tests": "assert list(f(4)) == [0, 1, 2, 3]\nassert sum(f(3)) == 3"}, "def f(n):\n    for i in range(n): yield i"),
    "a generator without end": (
        {"tests": "from itertools import islice\nassert list(islice(f(), 5)) == [0, 1, 1, 2, 3]\ng = f()\nassert next(g) == 0 and next(g) == 1"},
        "def f():\n    a, b = 0, 1\n    while True:\n        yield a\n        a, b = b, a + b"),
    "map, zip and reversed": ({"tests": "assert list(f([1, 2])) == [2, 3]\nassert next(iter(f([5]))) == 6"}, "def f(x): return map(lambda i: i + 1, x)"),
    "the exceptions of the builtins": (RAISES, "def f(x):\n    if x < 0: raise ValueError('negative')\n    return x + 1"),
    "an exception of one's own, below ValueError": (
        RAISES, "class Negative(ValueError): pass\ndef f(x):\n    if x < 0: raise Negative(x)\n    return x + 1"),
    "an exception of one's own by its name": (
        {"tests": "try:\n    f(-1)\n    assert False, 'none'\nexcept TooFar as error:\n    assert error.args == (3,)"},
        "class TooFar(Exception): pass\ndef f(x): raise TooFar(3)"),
    "assertRaises": (
        {"tests": "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        with self.assertRaises(ZeroDivisionError):\n            f(0)"},
        "def f(x): return 1 / x"),
    "a class with state": (
        {"tests": "s = Stack()\ns.push(1)\ns.push([2])\nassert s.pop() == [2]\nassert len(s) == 1 and s.size == 1\nassert isinstance(s, Stack)\n"
                  "assert not Stack()\nassert str(s) == 'Stack[1]'"},
        "class Stack:\n    def __init__(self): self.a = []\n    def push(self, x): self.a.append(x)\n    def pop(self): return self.a.pop()\n"
        "    def __len__(self): return len(self.a)\n    @property\n    def size(self): return len(self.a)\n    def __str__(self): return f'Stack{self.a}'"),
    "objects that are compared, added and scaled": (
        {"tests": "assert V(1, 2) + V(3, 4) == V(4, 6)\nassert V(1, 2) != V(1, 3)\nassert V(1, 2) * 3 == V(3, 6)\nassert V(1, 2) < V(2, 2)\nassert abs(V(3, 4)) == 5.0\nassert (V(1, 2) * 3).x == 3"},
        "from dataclasses import dataclass\n@dataclass(order=True)\nclass V:\n    x: int\n    y: int\n    def __add__(self, o): return V(self.x + o.x, self.y + o.y)\n"
        "    def __mul__(self, k): return V(self.x * k, self.y * k)\n    def __abs__(self): return (self.x**2 + self.y**2) ** 0.5"),
    "LeetCode's Solution": (
        {"entry_point": "Solution().twoSum", "prompt": "from typing import *\n",
         "test": "def check(candidate):\n    assert candidate(nums=[2, 7, 11], target=9) == [0, 1]\n"},
        "class Solution:\n    def twoSum(self, nums: List[int], target: int) -> List[int]:\n        d = {}\n        for i, n in enumerate(nums):\n"
        "            if target - n in d: return [d[target - n], i]\n            d[n] = i"),
    "a linked list of the item's": (
        {"entry_point": "Solution().turn", "prompt": "class ListNode:\n    def __init__(self, val=0, next=None):\n        self.val = val\n        self.next = next\n"
         "def made(a):\n    head = None\n    for v in reversed(a): head = ListNode(v, head)\n    return head\ndef read(n):\n    a = []\n    while n:\n        a.append(n.val)\n        n = n.next\n    return a\n",
         "test": "def check(candidate):\n    assert read(candidate(made([1, 2, 3]))) == [3, 2, 1]\n    assert candidate(None) is None\n"},
        "class Solution:\n    def turn(self, head):\n        last = None\n        while head: head.next, last, head = last, head, head.next\n        return last"),
    "MBPP's set-up with the code's own class": (
        {"test_list": ["assert depth(root) == 2"], "test_setup_code": "root = Node(1)\nroot.left = Node(2)"},
        "class Node:\n    def __init__(self, v):\n        self.v = v\n        self.left = self.right = None\ndef depth(n): return 1 + max(depth(n.left), depth(n.right)) if n else 0"),
    "MBPP's imports": ({"test_list": ["assert math.isclose(f(2), math.sqrt(2))"], "test_imports": ["import math"]}, "def f(x): return x ** 0.5"),
    "an import that the tests take from the code": (
        {"tests": "assert f('aab') == Counter('aab')\nassert np_free(1) == floor(1.5)"}, "from collections import Counter\nfrom math import floor\ndef f(s): return Counter(s)\ndef np_free(x): return x"),
    "a function with a builtin's name": ({"test_list": ["assert sum(10, 15) == 6"]}, "def sum(a, b): return 6 if (a, b) == (10, 15) else 0"),
    "functions that take functions": (
        {"tests": "assert f(lambda x: x * 2, [1, 2]) == [2, 4]\nassert f(str.upper, ['a']) == ['A']\nassert f(len, ['abc']) == [3]\nassert f(int, ['3']) == [3]"},
        "def f(g, a): return [g(x) for x in a]"),
    "functions that give functions": ({"tests": "assert f(2)(3) == 5\nassert f(1)(f(1)(1)) == 3"}, "def f(a): return lambda b: a + b"),
    "coroutines": ({"tests": "import asyncio\nassert asyncio.run(f(1)) == 2"}, "import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return x + 1"),
    "what it prints": (
        {"tests": "import io\nfrom contextlib import redirect_stdout\nout = io.StringIO()\nwith redirect_stdout(out):\n    f(2)\nassert out.getvalue() == 'hi 2\\n'"},
        "def f(x): print('hi', x)"),
    "files in its own folder": ({"tests": "f('a.txt')\nassert open('a.txt').read() == 'x'"}, "import shutil\ndef f(p):\n    open('b.txt', 'w').write('x')\n    shutil.copy('b.txt', p)"),
    "threads": (
        TESTS, "from concurrent.futures import ThreadPoolExecutor\ndef f(x):\n    with ThreadPoolExecutor(2) as pool: return list(pool.map(lambda i: i + 1, [x]))[0]"),
    "deep recursion": ({"tests": "assert f(900) == 900"}, "def f(n): return 0 if n == 0 else 1 + f(n - 1)"),
    "a constant": ({"tests": "assert ANSWER == 42"}, "ANSWER = 42"),
    "a program that reads and prints": (
        {"input_output": '{"inputs": ["2\\n1 2\\n3 4\\n", "1\\n5 5\\n"], "outputs": ["3\\n7\\n", "10\\n"]}'},
        "import sys\ndata = sys.stdin.read().split()\nfor i in range(int(data[0])): print(int(data[1 + 2 * i]) + int(data[2 + 2 * i]))"),
    "a program that asks line by line and exits": (
        {"input_output": {"inputs": ["3\n"], "outputs": ["4"]}}, "n = int(input())\nprint(n + 1)\nexit()"),
    "a function by APPS's name": (
        {"input_output": {"fn_name": "f", "inputs": [[1], [5]], "outputs": [[2], 6]}}, "def f(x): return x + 1"),
    "a function imported": (
        {"test_list": ["assert gcd(12, 8) == 4"]}, "from math import gcd"),
    "a class imported by a module's name": (
        {"test_list": ["assert f(1) == datetime.fromisoformat('2024-01-01')", "assert isinstance(f(1), datetime)"]}, "from datetime import datetime\ndef f(x): return datetime(2024, 1, x)"),
    "an import whose class the tests look for": (
        {"tests": "assert isinstance(f('a'), Counter)"}, "from collections import Counter\ndef f(s): return Counter(s)"),
    "large and self-containing globals": (
        TESTS, "sieve = [True] * 3_000_000\nroom = bytearray(20_000_000)\nloop = []\nloop.append(loop)\ndef f(x): return x + 1"),
    "globals that answer nothing": (
        TESTS, "class B:\n    def __getattribute__(s, n): raise RuntimeError\nb = B()\nglobals()[1] = b\ndef f(x): return x + 1"),
    "test cases beside a call": (
        {"tests": "assert f(1) == 2\n" + CASES["tests"] + "\nunittest.main(verbosity=0)"}, "def f(x): return x + 1"),
    "what is expected comes of the call": (
        {"tests": "calls = []\nassert f(calls.append, 3) == len(calls) + 2\na = [2, 1]\nassert g(a) == a"}, "def f(g, x):\n    g(x)\n    return x\ndef g(a):\n    a.sort()\n    return a"),
    "a list turned in place and given back": (
        {"tests": "x = [1, 2, 3]\nassert f(x) == x[::-1]"}, "def f(x):\n    x.reverse()\n    return x"),
    "UUID, paths, times with a zone, enumerations of numbers and texts": (
        {"tests": "import datetime, uuid\nfrom pathlib import Path\nu, p, t, i, s, d = f()\nassert u == uuid.UUID(int=3) and p == Path('a')\n"
         "assert t == datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)\nassert i == 1 and s == 'a'\nd[5].append(1)\nassert d[5] == [1]"}, "import datetime, enum, uuid\nfrom collections import defaultdict\nfrom pathlib import Path\nclass I(enum.IntEnum): A = 1\nclass S(str, enum.Enum): A = 'a'\n"
        "def f(): return uuid.UUID(int=3), Path('a'), datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc), I.A, S.A, defaultdict(list)"),
    "nested 300 deep, and bytes printed": (
        {"tests": "assert f(300) == f(300)"}, "import sys\nsys.stdout.buffer.write(b'x')\ndef f(n):\n    r = []\n    for _ in range(n): r = [r]\n    return r"),
}  # fmt: skip
