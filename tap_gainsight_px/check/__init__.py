"""`--check`: is PX as the tap takes it to be, and would a sync work?"""
