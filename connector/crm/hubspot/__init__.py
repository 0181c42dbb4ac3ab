"""HubSpot behind the seam: raw pages through the vendor's client, batches of 100, search bounded by time and id."""
