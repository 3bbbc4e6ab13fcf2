"""`make verify`: what this project expects of AWS, compared with what AWS answers in a real account.

Only what asks a real account, or says what it should answer, belongs here.
"""
