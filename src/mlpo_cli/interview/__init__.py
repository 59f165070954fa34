"""Ask for the answers: which question comes next is pure, only `terminal` meets a terminal."""
