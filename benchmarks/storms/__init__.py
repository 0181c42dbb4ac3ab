"""Storms: everything goes wrong at once while people work, and afterwards both CRMs say what they should."""
