"""Puts terminal sequences, HTML and Markdown into its message.

outcome: failed
says: ValueError
through: feedback
"""


def double(x):
    raise ValueError(
        "\x1b[2J\x1b]0;owned\x07\u202e<script>alert(1)</script>![x](javascript:alert(2)) {{ 7 * 7 }}\r\n# 40"
    )
