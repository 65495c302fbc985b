"""Schedules: changes that are made later, by themselves: once, by a timetable, or each week."""
